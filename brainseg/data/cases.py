"""The images of a data set, each with everything that belongs to it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from brainseg.data.cheng import Border
from brainseg.data.coco import Annotation, Image, RunLengths, Split, pair_by_position, union


@dataclass(frozen=True, eq=False)
class Case:
    """One image of a data set.

    Attributes:
        split, position: Where it stands: the split, and its place in the list of images there.
        image: The file.
        annotations: Those that carry its id.
        published: The annotation that the published pairing gives it, None if none.
        label_position, label_number: Of the image that the published annotation belongs to, -1 if there is none.
        border: None if Cheng's data set does not have the slice.
    """

    split: str
    position: int
    image: Image
    annotations: tuple[Annotation, ...]
    published: Annotation | None
    label_position: int
    label_number: int
    border: Border | None

    @cached_property
    def box(self) -> RunLengths | None:
        """The image's own label: the union of its annotations at its full size; None without any."""
        return union(self.annotations, self.image) if self.annotations else None

    @cached_property
    def tumour(self) -> RunLengths | None:
        """The area inside the border at the image's full size; None without a border."""
        return self.border.encoded(self.image.height, self.image.width) if self.border else None


def cases(dataset: Mapping[str, Split], borders: Mapping[int, Border]) -> Iterator[Case]:
    """All images: train, valid and test after one another, each in file order."""
    for name, split in dataset.items():
        places = {image.id: (position, image.number) for position, image in enumerate(split.images)}
        for position, (image, published) in enumerate(pair_by_position(split)):
            label_position, label_number = (-1, -1) if published is None else places[published.image_id]
            yield Case(
                split=name,
                position=position,
                image=image,
                annotations=split.annotations_of(image),
                published=published,
                label_position=label_position,
                label_number=label_number,
                border=borders.get(image.number),
            )
