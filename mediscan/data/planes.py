"""From an image to its planes: out of the cache where they are there, decoded and fitted where they are not."""

from dataclasses import dataclass, field

from mediscan.config import DataConfig
from mediscan.data.cache import CacheUse, PlaneCache, Verify
from mediscan.data.cache_entries import entry_name
from mediscan.data.images import FittedPlane, fit_planes
from mediscan.sources.description import ImageDescription
from mediscan.sources.reading import file_sha256, read_image
from mediscan.study import ImageRef


@dataclass(frozen=True, kw_only=True)
class PlaneReader:
    """Reads images' planes, and keeps account of what the cache had and what it should be given.

    Attributes:
        config: Which size, and how many planes of a volume.
        cache: Where to look first.
        use: The account.
        described: What the images that were decoded say of themselves; those from the cache say nothing.
    """

    config: DataConfig
    cache: PlaneCache | None = None
    use: CacheUse = field(default_factory=CacheUse)
    described: list[ImageDescription] = field(default_factory=list)

    def read(self, ref: ImageRef, sha256: str) -> tuple[FittedPlane, ...]:
        """The planes of an image.

        Args:
            ref: Where it lies.
            sha256: Hash that its file has, or is known to have had.

        Raises:
            SourceError: As `read_image`.
        """
        size, planes = self.config.image_size, self.config.planes_per_volume
        if self.cache is None:
            return self._make(ref, sha256)
        name = entry_name(sha256, size=size, planes=planes)
        found = self.cache.get(name, size=size)
        # A file that is not as expected goes on to be read, and is refused there.
        if found and (self.cache.verify is Verify.NEVER or file_sha256(ref.path) == sha256.lower()):
            self.use.found.append(name)
            return found
        made = self.use.made[name] = self._make(ref, sha256)
        return made

    def _make(self, ref: ImageRef, sha256: str) -> tuple[FittedPlane, ...]:
        pixels = read_image(ref.path, expected_sha256=sha256)
        self.described.append(ImageDescription(meta=pixels.meta, patient=pixels.patient))
        return fit_planes(pixels, size=self.config.image_size, planes=self.config.planes_per_volume)
