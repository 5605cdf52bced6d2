"""The paper's two networks as learners over arrays: a plain one over rows (n, d), an LSTM over sequences (n, t, d).

Modest in size, trained on the CPU in under a minute; draws come from generators of their own.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

# Few experiments are seen more often, for a network is not fitted in a hundred steps.
_EPOCHS, _LEAST_STEPS, _BATCH, _RATE, _DECAY = 40, 120, 64, 2e-3, 0.02
_HIDDEN, _DROPOUT, _REACH = 192, 0.15, 5.0


class _Plain(nn.Module):
    def __init__(self, width: int, out: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(width, _HIDDEN),
            nn.ReLU(),
            nn.Dropout(_DROPOUT),
            nn.Linear(_HIDDEN, _HIDDEN // 2),
            nn.ReLU(),
            nn.Dropout(_DROPOUT),
            nn.Linear(_HIDDEN // 2, out),
        )

    def forward(self, x: Tensor) -> Tensor:
        said: Tensor = self.layers(x)
        return said


class _Lstm(nn.Module):
    def __init__(self, width: int, out: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(width, _HIDDEN // 2, batch_first=True)
        self.head = nn.Sequential(nn.Dropout(_DROPOUT), nn.Linear(_HIDDEN // 2, out))

    def forward(self, x: Tensor) -> Tensor:
        # The last step is the conditions, after everything else has been read; what follows it is padding.
        last = (x[..., 0] > 0).sum(1) - 1
        said: Tensor = self.head(self.lstm(x)[0][torch.arange(len(x)), last])
        return said


class _Network:
    """Fit and predict; a scale for each column, learned in training."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def _fit(self, x: np.ndarray, y: Tensor, out: int, loss: Callable[[Tensor, Tensor], Tensor]) -> None:
        flat = x.reshape(-1, x.shape[-1])
        # Zero must stay zero in a sequence, where it says that a step has no such column.
        self._centre = flat.mean(0) if x.ndim == 2 else np.zeros(x.shape[-1])
        spread = np.sqrt(((flat - self._centre) ** 2).mean(0))
        self._scale = np.where(spread > 1e-9, spread, np.inf)
        inputs = self._scaled(x)
        rng = np.random.default_rng(self.seed)
        batches = max(len(x) // _BATCH, 1)
        epochs = max(_EPOCHS, _LEAST_STEPS // batches)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            self._net = (_Plain if x.ndim == 2 else _Lstm)(x.shape[-1], out)
            optimiser = torch.optim.AdamW(self._net.parameters(), _RATE, weight_decay=_DECAY, fused=True)
            rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, epochs * batches, pct_start=0.15)
            for _ in range(epochs):
                for places in np.array_split(rng.permutation(len(x)), batches):
                    value = loss(self._net(inputs[places]), y[places])
                    optimiser.zero_grad()
                    value.backward()
                    nn.utils.clip_grad_norm_(self._net.parameters(), 1.0)
                    optimiser.step()
                    rate.step()
        self._net.eval()

    def _scaled(self, x: np.ndarray) -> Tensor:
        return torch.as_tensor(np.clip((x - self._centre) / self._scale, -_REACH, _REACH), dtype=torch.float32)

    @torch.no_grad()
    def _say(self, x: np.ndarray) -> Tensor:
        said: Tensor = self._net(self._scaled(x))
        return said


class NetworkRegressor(_Network):
    def fit(self, x: np.ndarray, y: np.ndarray) -> None:
        self._mean, self._spread = float(y.mean()), max(float(y.std()), 1e-6)
        wanted = torch.as_tensor((y - self._mean) / self._spread, dtype=torch.float32)
        self._fit(x, wanted, 1, lambda said, true: functional.smooth_l1_loss(said[:, 0], true, beta=0.5))

    def predict(self, x: np.ndarray) -> np.ndarray:
        return self._mean + self._spread * self._say(x)[:, 0].double().numpy()


class NetworkClassifier(_Network):
    def fit(self, x: np.ndarray, y: np.ndarray) -> None:
        self.classes, codes = np.unique(y, return_inverse=True)
        self._fit(x, torch.as_tensor(codes), len(self.classes), functional.cross_entropy)

    def predict(self, x: np.ndarray) -> np.ndarray:
        said: np.ndarray = self._say(x).double().softmax(-1).numpy()
        return said
