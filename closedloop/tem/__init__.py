"""An image file in; scale, particles, sizes and shapes out."""
