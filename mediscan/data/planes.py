"""From an image to what is read of it: out of the cache where that is there, decoded and fitted where it is not."""

from dataclasses import dataclass, field

from mediscan.config import DataConfig, VolumeReading
from mediscan.data.cache import CacheUse, PlaneCache, Verify
from mediscan.data.cache_entries import entry_name
from mediscan.data.images import FittedPlane, fit_planes
from mediscan.data.volumes import FittedVolume, fit_volume, is_volume
from mediscan.sources.description import ImageDescription
from mediscan.sources.reading import file_sha256, read_image
from mediscan.study import ImageRef


@dataclass(frozen=True, kw_only=True)
class PlaneReader:
    """Reads images as planes or volumes, and keeps account of what the cache had and what it should be given.

    Attributes:
        config: Which sizes, and how volumes are read.
        cache: Where to look first.
        use: The account.
        described: What the images that were decoded say of themselves; those from the cache say nothing.
    """

    config: DataConfig
    cache: PlaneCache | None = None
    use: CacheUse = field(default_factory=CacheUse)
    described: list[ImageDescription] = field(default_factory=list)

    def read(self, ref: ImageRef, sha256: str) -> tuple[FittedPlane, ...] | FittedVolume:
        """The planes of an image, or the volume where it is one and volumes are read whole.

        Args:
            ref: Where it lies.
            sha256: Hash that its file has, or is known to have had.

        Raises:
            SourceError: As `read_image`.
        """
        whole, planes = self._names(sha256)
        found_volume = self._found(ref, sha256, whole, size=self.config.volume_size)
        if found_volume:
            return FittedVolume.of_slices(found_volume)
        return self._found(ref, sha256, planes, size=self.config.image_size) or self._make(ref, sha256)

    def _names(self, sha256: str) -> tuple[bytes | None, bytes]:
        """Under which names the cache may have the image: as a volume, and as planes."""
        config = self.config
        planes = entry_name(sha256, size=config.image_size, planes=config.planes_per_volume)
        if config.volumes is VolumeReading.PLANES:
            return None, planes
        return entry_name(sha256, size=config.volume_size, depth=config.volume_depth), planes

    def _found(self, ref: ImageRef, sha256: str, name: bytes | None, *, size: int) -> tuple[FittedPlane, ...] | None:
        if self.cache is None or name is None:
            return None
        found = self.cache.get(name, size=size)
        # A file that is not as expected goes on to be read, and is refused there.
        if found and (self.cache.verify is Verify.NEVER or file_sha256(ref.path) == sha256.lower()):
            self.use.found.append(name)
            return found
        return None

    def _make(self, ref: ImageRef, sha256: str) -> tuple[FittedPlane, ...] | FittedVolume:
        config = self.config
        pixels = read_image(ref.path, expected_sha256=sha256)
        self.described.append(ImageDescription(meta=pixels.meta, patient=pixels.patient))
        whole, planes_name = self._names(sha256)
        if whole is not None and is_volume(pixels):
            volume = fit_volume(pixels, size=config.volume_size, depth=config.volume_depth)
            self._keep(whole, volume.slices)
            return volume
        planes = fit_planes(pixels, size=config.image_size, planes=config.planes_per_volume)
        self._keep(planes_name, planes)
        return planes

    def _keep(self, name: bytes, made: tuple[FittedPlane, ...]) -> None:
        if self.cache is not None:
            self.use.made[name] = made
