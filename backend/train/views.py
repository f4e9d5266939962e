"""Train the six-view diffusion and its image encoder: `python -m backend.train views`."""

import argparse
from dataclasses import dataclass, field
from pathlib import Path

import torch
from jaxtyping import Bool, Float, Int, UInt8
from PIL import Image
from torch import Tensor, nn

from backend.diffusion.timesteps import spread_timesteps
from backend.diffusion.views import add_noise, at_timesteps, velocity, velocity_weight
from backend.errors import ConfigError
from backend.geometry.cameras import sheet_from_views
from backend.models.autoencoder import AutoencoderConfig, ViewAutoencoder
from backend.models.image_encoder import STARTER_IMAGE_ENCODER, ImageEncoder
from backend.models.multiview import MultiviewConfig, MultiviewNet, ViewCondition
from backend.models.picture_volume import VolumeConfig
from backend.models.precision import half_precision
from backend.models.weights import load_network
from backend.stages.views import (
    ViewNetworks,
    ViewSampling,
    decode_views,
    resized,
    sample_latents,
)
from backend.train.compiling import add_compile_argument, compile_norms
from backend.train.imagenet import load_trunk
from backend.train.loop import CHECKPOINT, add_train_arguments, train_from_arguments
from backend.train.objects import ObjectSource
from backend.train.pictures import (
    Batches,
    Shoot,
    Shots,
    Studio,
    add_pool_arguments,
    channels_last,
    mean_scores,
    picture_sheet,
    pool_from_arguments,
)

VALIDATION_SEED = 0
VALIDATION_TIMESTEPS = (100, 300, 500, 700, 900)


@dataclass(frozen=True, kw_only=True, slots=True)
class ViewsLoss:
    """How the six-view diffusion is trained.

    Attributes:
        gamma: Largest signal-to-noise ratio that still gains weight (min-SNR weighting).
        floor: Weight of the clean image's error where there is only noise; see `velocity_weight`.
        dropout: Share of samples without a condition, which guidance needs.
        hint: Weight of the squared error of the latents that the network's volume draws.
        frame: Weight of the squared error of how it thinks that the picture sees the object.
        only_volume: Train the volume and what it reads of the image encoder, which is six times as fast.
    """

    gamma: float = 5.0
    floor: float = 1.0
    dropout: float = 0.1
    hint: float = 0.5
    frame: float = 0.05
    only_volume: bool = False


@dataclass(frozen=True, slots=True)
class ViewSample:
    """One object: latents of its six views and of its input picture, and the picture for the encoder."""

    canvas: Float[Tensor, "c hh ww"]
    latents: Float[Tensor, "c h w"]
    picture: UInt8[Tensor, "4 s s"]
    frame: Float[Tensor, " 5"]


@dataclass(frozen=True, slots=True)
class ViewBatch:
    """A batch of `ViewSample`s on the device."""

    canvas: Float[Tensor, "b c hh ww"]
    latents: Float[Tensor, "b c h w"]
    pictures: Float[Tensor, "b 4 s s"]
    frames: Float[Tensor, "b 5"]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Errors:
    """Squared errors of each sample: velocity (and its weight in the loss), drawn latents, guessed frame."""

    velocity: Float[Tensor, " b"]
    weight: Float[Tensor, " b"]
    hint: Float[Tensor, " b"]
    frame: Float[Tensor, " b"]


@torch.no_grad()
def view_samples(shots: Shots, vae: ViewAutoencoder, *, image_px: int, chunk: int = 16) -> list[ViewSample]:
    """Encode pictures once, in half precision; the samples are small, so many fit the memory of a GPU."""
    device = vae.raw_mean.device
    with half_precision(device):
        views = [vae.encode(part) for part in shots.views.to(device).flatten(0, 1).split(6 * chunk)]
        pictures = [vae.encode(part) for part in shots.pictures.to(device).split(6 * chunk)]
    small = (resized(shots.pictures.to(device), image_px) * 255).round().byte()
    canvas = sheet_from_views(torch.cat(views).unflatten(0, shots.views.shape[:2]))
    columns = (canvas.half(), torch.cat(pictures).half(), small, shots.frames.to(device))
    return [ViewSample(*parts) for parts in zip(*columns, strict=True)]


def collate(samples: list[ViewSample]) -> ViewBatch:
    """Stack samples and widen their numbers."""
    return ViewBatch(
        torch.stack([sample.canvas for sample in samples]).float(),
        torch.stack([sample.latents for sample in samples]).float(),
        torch.stack([sample.picture for sample in samples]).float() / 255,
        torch.stack([sample.frame for sample in samples]),
    )


def condition_of(
    batch: ViewBatch, encoder: ImageEncoder, *, empty: Float[Tensor, "1 c h w"], keep: Bool[Tensor, " b"]
) -> ViewCondition:
    """The condition of each sample, or an empty picture and no features where it is not kept."""
    return ViewCondition(batch.latents, encoder(batch.pictures)).kept(keep, empty=empty)


@dataclass(slots=True)
class ViewsTask:
    """Predict the velocity of noisy canvases of six views."""

    vae: ViewAutoencoder
    image_encoder: ImageEncoder
    views: MultiviewNet
    samples: Batches[ViewSample]
    validation: Shoot
    batch_size: int
    seed: int = 0
    config: ViewsLoss = field(default_factory=ViewsLoss)
    sampling: ViewSampling = field(default_factory=lambda: ViewSampling(steps=16, guidance=2.0))
    validation_objects: int = 16
    networks: dict[str, nn.Module] = field(init=False)
    _alpha_bar: Tensor = field(init=False)
    _empty: Tensor = field(init=False)

    def __post_init__(self) -> None:
        self.networks = {"image_encoder": self.image_encoder, "views": self.views}
        config = self.views.config
        self._alpha_bar = config.schedule.alpha_bar().to(self.device)
        with torch.no_grad():
            self._empty = self.vae.empty(config.latent_px * self.vae.config.downscale)
        if self.config.only_volume:
            if self.views.volume is None:
                raise ConfigError("there is no volume to train alone; leave out --without-volume")
            self.views.requires_grad_(False)
            self.views.volume.requires_grad_(True)

    @property
    def device(self) -> torch.device:
        """Where the networks live."""
        return self.views.prompt.device

    def loss(self, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        """Draw the batch of `step` and return its loss and metrics."""
        generator = torch.Generator(self.device).manual_seed(self.seed * 1_000_003 + step)
        batch = collate(self.samples.batch(step, self.batch_size))
        if self.config.only_volume:
            return self._volume_loss(batch)
        timesteps = spread_timesteps(self.batch_size, len(self._alpha_bar), generator)
        keep = torch.rand(self.batch_size, generator=generator, device=self.device) >= self.config.dropout
        errors = self._errors(self.image_encoder, self.views, batch, timesteps, keep, generator)
        # The timesteps rise along the batch, so its thirds are those of the schedule.
        thirds = zip(("low", "middle", "high"), errors.velocity.detach().tensor_split(3), strict=True)
        metrics = {f"velocity_{name}": part.mean() for name, part in thirds}
        metrics |= {"hint": errors.hint.detach().mean(), "frame": errors.frame.detach().mean()}
        guesses = self.config.hint * errors.hint + self.config.frame * errors.frame
        return (errors.weight * errors.velocity + guesses).mean(), metrics

    def _volume_loss(self, batch: ViewBatch) -> tuple[Tensor, dict[str, Tensor]]:
        condition = ViewCondition(batch.latents, self.image_encoder(batch.pictures))
        hint = self._hint_error(self.views.hint(condition), batch).mean()
        frame = self._frame_error(self.views, condition, batch).mean()
        loss = self.config.hint * hint + self.config.frame * frame
        return loss, {"hint": hint.detach(), "frame": frame.detach()}

    def validate(self, networks: dict[str, nn.Module]) -> dict[str, float]:
        """Velocity errors at fixed timesteps and scores of sampled views, on unseen objects."""
        nets = self._inference(networks)
        shots = self.validation(self.validation_objects, VALIDATION_SEED)
        batch = self._batch(shots)
        count = len(batch.canvas)
        keep = torch.ones(count, dtype=torch.bool, device=self.device)
        scores: dict[str, float] = {}
        for timestep in VALIDATION_TIMESTEPS:
            generator = torch.Generator(self.device).manual_seed(timestep)
            timesteps = torch.full((count,), timestep, device=self.device)
            with half_precision(self.device):
                errors = self._errors(nets.image_encoder, nets.views, batch, timesteps, keep, generator)
            scores[f"velocity_{timestep}"] = float(errors.velocity.mean())
            scores |= {"hint": float(errors.hint.mean()), "frame": float(errors.frame.mean())}
        return scores | mean_scores(self._sampled(nets, batch), shots.views)

    def sheet(self, networks: dict[str, nn.Module]) -> Image.Image:
        """A row an object: the input picture, our six views, the true six views."""
        nets = self._inference(networks)
        shots = self.validation(min(8, self.validation_objects), VALIDATION_SEED)
        ours = self._sampled(nets, self._batch(shots)).to(shots.views.device)
        rows = torch.cat([shots.pictures[:, None], ours, shots.views], dim=1)
        return picture_sheet([resized(row, min(128, row.shape[-1])) for row in rows])

    def _batch(self, shots: Shots) -> ViewBatch:
        samples = view_samples(shots, self.vae, image_px=self.image_encoder.config.image_px)
        return collate(samples)

    def _inference(self, networks: dict[str, nn.Module]) -> ViewNetworks:
        encoder, views = networks["image_encoder"], networks["views"]
        if not isinstance(encoder, ImageEncoder) or not isinstance(views, MultiviewNet):
            raise TypeError(f"cannot judge a {type(encoder).__name__} and a {type(views).__name__}")
        return ViewNetworks(self.vae, encoder, views)

    def _sampled(self, nets: ViewNetworks, batch: ViewBatch) -> Float[Tensor, "b v 4 h w"]:
        keep = torch.ones(len(batch.canvas), dtype=torch.bool, device=self.device)
        generators = [torch.Generator().manual_seed(index) for index in range(len(keep))]
        with half_precision(self.device):
            condition = condition_of(batch, nets.image_encoder, empty=self._empty, keep=keep)
            latents = sample_latents(condition, nets, generators=generators, config=self.sampling)
            return decode_views(latents, nets)

    def _errors(
        self,
        encoder: ImageEncoder,
        net: MultiviewNet,
        batch: ViewBatch,
        timesteps: Int[Tensor, " b"],
        keep: Bool[Tensor, " b"],
        generator: torch.Generator,
    ) -> _Errors:
        condition = condition_of(batch, encoder, empty=self._empty, keep=keep)
        hint = net.hint(condition)
        alpha_bar = at_timesteps(self._alpha_bar, timesteps)
        noise = torch.randn(batch.canvas.shape, generator=generator, device=self.device)
        reference_noise = torch.randn(batch.latents.shape, generator=generator, device=self.device)
        reference = add_noise(self.vae.config.scaling.code(condition.picture), reference_noise, alpha_bar)
        noisy = add_noise(batch.canvas, noise, alpha_bar).contiguous(memory_format=torch.channels_last)
        predicted = net(noisy, reference, timesteps, condition, hint).float()
        wanted = velocity(batch.canvas, noise, alpha_bar)
        return _Errors(
            velocity=(predicted - wanted).square().mean(dim=(1, 2, 3)),
            weight=velocity_weight(alpha_bar.flatten(), gamma=self.config.gamma, floor=self.config.floor),
            hint=self._hint_error(hint, batch),
            frame=self._frame_error(net, condition, batch) * keep,
        )

    @staticmethod
    def _hint_error(hint: Float[Tensor, "b o hh ww"], batch: ViewBatch) -> Float[Tensor, " b"]:
        drawn = hint[:, : batch.canvas.shape[1]]
        if not drawn.shape[1]:
            return batch.canvas.new_zeros(len(batch.canvas))
        return (drawn - batch.canvas).square().mean(dim=(1, 2, 3))

    @staticmethod
    def _frame_error(net: MultiviewNet, condition: ViewCondition, batch: ViewBatch) -> Float[Tensor, " b"]:
        if net.volume is None:
            return batch.frames.new_zeros(len(batch.frames))
        return (net.volume.guess_frame(condition.features.embedding) - batch.frames).square().mean(dim=1)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    add_train_arguments(parser, learning_rate=4e-4, batch_size=128)
    add_pool_arguments(parser, groups=160, steps_per_group=2)
    add_compile_argument(parser)
    loss = ViewsLoss()
    parser.add_argument("--vae", type=Path, required=True, help="folder of the autoencoder's weights")
    parser.add_argument("--gamma", type=float, default=loss.gamma, help="limit of min-SNR weighting")
    parser.add_argument("--floor", type=float, default=loss.floor, help="weight where there is only noise")
    parser.add_argument("--hint", type=float, default=loss.hint, help="weight of the volume's own guess")
    parser.add_argument("--frame", type=float, default=loss.frame, help="weight of the guessed camera")
    parser.add_argument("--without-volume", action="store_true", help="train the paper's conditions alone")
    parser.add_argument("--dropout", type=float, default=loss.dropout, help="share without a condition")
    parser.add_argument("--only-volume", action="store_true", help="train the volume and the encoder alone")
    parser.add_argument("--trunk", type=Path, help="EfficientNet-Lite0 for the encoder, where not --from")


def run(args: argparse.Namespace) -> int:
    """Train as the options say; returns the exit code."""
    torch.manual_seed(args.seed)
    vae = load_network(ViewAutoencoder, AutoencoderConfig, args.vae, "vae", device=args.device)
    channels_last(vae)
    encoder = _encoder(args)
    config = MultiviewConfig(
        latent_px=args.size // vae.config.downscale,
        sees_volume=not args.without_volume,
        volume=VolumeConfig(map_channels=encoder.config.map_channels),
    )
    shoot = Studio(ObjectSource(args.pack, split="train", device=args.device), args.size, faults=True)
    validation = Studio(ObjectSource(args.pack, split="val", device=args.device), args.size, faults=False)

    def make(seed: int) -> list[ViewSample]:
        return view_samples(shoot(args.group, seed), vae, image_px=encoder.config.image_px)

    net = channels_last(MultiviewNet(config).to(args.device))
    if args.compile:
        compile_norms(net)
    task = ViewsTask(
        vae,
        encoder,
        net,
        pool_from_arguments(args, make),
        validation,
        batch_size=args.batch,
        seed=args.seed,
        config=ViewsLoss(
            gamma=args.gamma,
            floor=args.floor,
            dropout=args.dropout,
            hint=args.hint,
            frame=args.frame,
            only_volume=args.only_volume,
        ),
    )
    return train_from_arguments(task, args)


def _encoder(args: argparse.Namespace) -> ImageEncoder:
    """The starter's image encoder.

    Raises:
        ConfigError: when nothing says where its trunk comes from.
        WeightsError: when that is not what it should be.
    """
    encoder = ImageEncoder(STARTER_IMAGE_ENCODER)
    if args.trunk is not None:
        load_trunk(encoder, args.trunk)
    elif args.start is None and not (args.out / CHECKPOINT).exists():
        raise ConfigError(
            "the image encoder's trunk is not trained here; give --trunk FILE or --from FOLDER"
            " (backend/train/README.md says which)"
        )
    return channels_last(encoder.to(args.device))
