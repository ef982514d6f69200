"""Which regions of a file are lesions, and how they become candidates."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
from pydicom.dataset import Dataset

from imaging.contours import Contour, ContourKind, Roi, StructureSet
from imaging.errors import InputError
from imaging.masks import Coded, SegSegment
from imaging.outlines import write_rtstruct
from imaging.seg import LYMPH_NODE, write_seg
from imaging.series import Series, Visit
from imaging.volume import Grid, Mask
from recist.patient import delineation
from recist.patient.delineation import (
    Delineated,
    candidates_from_label_map,
    candidates_from_roi,
    candidates_from_seg,
    read_visit,
)
from recist.patient.delineation_folder import from_folder
from recist.patient.lesion_names import lesion_rois, named_lesion, organ_by_name, why_not
from segmentation.evaluation import dice_of_masks
from segmentation.instances import Candidate


def dataset(**elements: object) -> Dataset:
    made = Dataset()
    for name, value in elements.items():
        setattr(made, name, value)
    return made


GRID = Grid((40, 40, 12), np.diag([1.0, 1.0, 2.0, 1.0]), "1.2")


def squares(*corners: tuple[float, float, float], side: float = 8.0) -> tuple[Contour, ...]:
    drawn = []
    for x, y, z in corners:
        points = [[x, y, z], [x + side, y, z], [x + side, y + side, z], [x, y + side, z]]
        drawn.append(Contour(ContourKind.CLOSED_PLANAR, np.array(points, dtype=float)))
    return tuple(drawn)


def roi(name: str, kind: str = "", contours: tuple[Contour, ...] | None = None) -> Roi:
    drawn = squares((2.5, 2.5, 4.0), (2.5, 2.5, 6.0)) if contours is None else contours
    return Roi(1, name, kind, drawn, "1.2", "study/RS.dcm")


class TestWhichRoisAreLesions:
    @pytest.mark.parametrize(
        ("name", "kind", "is_lesion"),
        [
            ("anything", "GTV", True),
            ("GTVp", "", True),
            ("GTVn_1", "", True),
            ("Tumor_c40", "", True),
            ("LN_c40", "", True),
            ("Nodule_sim", "NONE", True),
            ("liver met 3", "", True),
            ("Lesion1", "", True),
            ("PTV_5000", "PTV", False),
            ("PTV_tumour", "", False),
            ("CTV_tumour", "CTV", False),
            ("IGTV_1", "", False),
            ("tumour bed", "ORGAN", False),
            ("Lungs-GTV", "", False),
            ("zRing_GTV", "", False),
            ("_GTV_help", "", False),
            ("LN_Neck_IIL", "", False),
            ("LN_Pelvics", "", False),
            ("Carina_c40", "", False),
            ("Helmet", "", False),
            ("BODY", "EXTERNAL", False),
        ],
    )
    def test_by_type_first_and_name_second(self, name: str, kind: str, is_lesion: bool) -> None:
        assert (why_not(roi(name, kind)) == "") is is_lesion

    def test_a_pattern_of_the_user_decides_alone(self) -> None:
        rois = (roi("Ziel 1", "ORGAN"), roi("GTV", "GTV"), roi("ziel leer", contours=()))
        found = lesion_rois(StructureSet("1", "", rois, "1.2"), pattern="^ziel")
        assert [r.name for r in found] == ["Ziel 1"]
        with pytest.raises(InputError, match="not a regular expression"):
            lesion_rois(StructureSet("1", "", rois, "1.2"), pattern="(")


def candidates_from_rtstruct(drawn: StructureSet, grid: Grid) -> list[Candidate]:
    return [each for roi in lesion_rois(drawn) for each in candidates_from_roi(roi, grid)]


class TestCandidates:
    THREE = squares(
        (2.5, 2.5, 4.0), (2.5, 2.5, 6.0), (20.5, 2.5, 4.0), (20.5, 2.5, 6.0), (20.5, 20.5, 8.0)
    )

    def test_an_roi_that_holds_several_lesions_is_taken_apart(self) -> None:
        nodes = StructureSet("1", "", (roi("LN", contours=self.THREE),), "1.2")
        found = candidates_from_rtstruct(nodes, GRID)
        assert [c.label for c in found] == ["LN 1", "LN 2", "LN 3"]
        assert [c.mask.voxels for c in found] == [128, 128, 64]
        assert found[0].flags[-1] == "piece 1 of 3 of LN"
        assert found[0].source == "RS.dcm", "a path may hold a name"

    def test_a_crumb_stays_with_its_neighbour(self) -> None:
        crumb = squares((12.5, 2.5, 4.0), side=1.0)
        drawn = roi("GTV", "GTV", squares((2.5, 2.5, 4.0), (2.5, 2.5, 6.0)) + crumb)
        (found,) = candidates_from_rtstruct(StructureSet("1", "", (drawn,), "1.2"), GRID)
        assert found.mask.voxels == 129

    def test_a_skipped_slice_does_not_part_a_lesion(self) -> None:
        levels = (4.0, 6.0, 8.0, 12.0, 14.0)
        drawn = roi("GTV", "GTV", squares(*((2.5, 2.5, z) for z in levels)))
        (found,) = candidates_from_rtstruct(StructureSet("1", "", (drawn,), "1.2"), GRID)
        assert found.mask.voxels == 5 * 64, "the skipped slice itself stays empty"
        assert found.flags == ("GTV: no contour between slices 4-6",)
        apart = roi("GTV", "GTV", squares((2.5, 2.5, 4.0), (2.5, 2.5, 6.0), (20.5, 20.5, 10.0)))
        parts = candidates_from_rtstruct(StructureSet("1", "", (apart,), "1.2"), GRID)
        assert len(parts) == 2

    def test_an_roi_on_every_second_slice_is_filled_and_flagged(self) -> None:
        drawn = roi("GTV", "GTV", squares((2.5, 2.5, 4.0), (2.5, 2.5, 8.0), (2.5, 2.5, 12.0)))
        (found,) = candidates_from_rtstruct(StructureSet("1", "", (drawn,), "1.2"), GRID)
        assert found.mask.voxels >= 5 * 64
        assert found.flags[0] == (
            "GTV: drawn on every 2.0th slice only, filled half-way to the neighbouring contours"
        )

    @pytest.mark.parametrize("name", ["GTV-N", "GTVn", "GTV_N2", "LN 7", "Station 4R", "level II"])
    def test_names_of_nodes_ask_the_reader(self, name: str) -> None:
        (found,) = candidates_from_rtstruct(StructureSet("1", "", (roi(name, "GTV"),), "1.2"), GRID)
        assert (found.is_node, found.flags[0]) == (True, "lymph node by its name: check")

    def test_a_node_is_only_suggested_by_a_name(self) -> None:
        sets = StructureSet("1", "", (roi("LN_3"), roi("Tumor")), "1.2")
        node, other = candidates_from_rtstruct(sets, GRID)
        assert (node.is_node, node.flags[0]) == (True, "lymph node by its name: check")
        assert other.is_node is None

    def test_segments_of_anatomy_are_left_out(self) -> None:
        mask = Mask.of(np.ones(GRID.shape, dtype=bool), GRID)
        organ = Coded("123037004", "SCT", "Anatomical Structure")
        found = candidates_from_seg(
            [
                SegSegment("Liver", mask, category=organ),
                SegSegment("a", mask, region=LYMPH_NODE),
                SegSegment("mass", mask, category=Coded("1", "99X", "?")),
                SegSegment("something", mask, category=Coded("1", "99X", "?")),
            ]
        )
        assert [(c.label, c.is_node, c.flags) for c in found] == [
            ("a", True, ()),
            ("mass", None, ()),
        ]

    def test_labels_stay_whole_and_a_single_label_falls_apart(self, tmp_path: Path) -> None:
        labels = np.zeros(GRID.shape, dtype=np.int16)
        labels[2:9, 2:9, 2:6] = 1
        labels[20:29, 2:9, 2:6] = 1
        path = write(tmp_path / "l.nii.gz", labels)
        assert [c.mask.voxels for c in candidates_from_label_map(path, GRID)] == [252, 196]
        labels[20:29, 20:29, 2:6] = 7
        path = write(tmp_path / "m.nii.gz", labels)
        found = candidates_from_label_map(path, GRID)
        assert [(c.label, c.mask.voxels) for c in found] == [("1", 448), ("7", 324)]


def write(path: Path, labels: np.ndarray) -> Path:
    nibabel.save(nibabel.Nifti1Image(labels, np.diag([-1.0, -1, 1, 1]) @ GRID.affine), path)
    return path


HEADERS = tuple(
    dataset(
        SOPClassUID="1.2.840.10008.5.1.4.1.1.2",
        SOPInstanceUID=f"1.2.9.{k + 1}",
        StudyInstanceUID="1.2.7",
        SeriesInstanceUID="1.2.8",
        FrameOfReferenceUID="1.2",
        Modality="CT",
        Rows=40,
        Columns=40,
        PixelSpacing=[1.0, 1.0],
        SliceThickness=2.0,
        ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
        ImagePositionPatient=[0.0, 0.0, 2.0 * k],
    )
    for k in range(12)
)


def segment(name: str, i: int, uid: str = "2.25.1") -> SegSegment:
    mask = Mask.placed(np.ones((6, 6, 4), dtype=bool), (i, 5, 3), GRID)
    return SegSegment(name, mask, tracking_uid=uid)


class TestFolder:
    @pytest.mark.parametrize(
        ("name", "visit"),
        [
            ("P1/2020-01-06.nii.gz", dt.date(2020, 1, 6)),
            ("P1/20200106_reader2.nii.gz", dt.date(2020, 1, 6)),
            ("P1_2020-01-06.nii.gz", dt.date(2020, 1, 6)),
            ("P1/P1_2020-01-06.nii.gz", dt.date(2020, 1, 6)),
            ("P1/delineations/2020-01-06-lesions.nii.gz", dt.date(2020, 1, 6)),
            ("P1/baseline_labels.nii.gz", "baseline"),
            ("P1_follow-up 1.nii.gz", "follow-up 1"),
            ("fu1_labels.nii.gz", "follow-up 1"),
        ],
    )
    def test_files_are_found_by_subject_and_visit(self, tmp_path: Path, name: str, visit) -> None:
        labels = np.zeros(GRID.shape, dtype=np.int16)
        labels[2:9, 2:9, 2:6] = 1
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        write(tmp_path / name, labels)
        assert [c.mask.voxels for c in from_folder(tmp_path, "P1", visit, GRID)] == [196]
        with pytest.raises(InputError, match="no delineation of P1 at follow-up 10"):
            from_folder(tmp_path, "P1", "follow-up 10", GRID)

    def test_each_patient_of_a_shared_folder_gets_his_own_files(self, tmp_path: Path) -> None:
        labels = np.zeros(GRID.shape, dtype=np.int16)
        for subject, size in (("P1", 3), ("P2", 5)):
            labels[2 : 2 + size, 2:9, 2:6] = 1
            write(tmp_path / f"{subject}_2020-01-06.nii.gz", labels)
        day = dt.date(2020, 1, 6)
        assert [c.mask.voxels for c in from_folder(tmp_path, "P1", day, GRID)] == [84]
        assert [c.mask.voxels for c in from_folder(tmp_path, "P2", day, GRID)] == [140]

    @pytest.mark.parametrize("write_object", [write_seg, write_rtstruct])
    def test_dicom_objects_are_read_by_what_they_are(self, tmp_path: Path, write_object) -> None:
        write_object(tmp_path / "2020-01-06.dcm", [segment("GTV", 4)], HEADERS)
        (found,) = from_folder(tmp_path, "P1", dt.date(2020, 1, 6), GRID)
        assert (found.label, found.mask.voxels) == ("GTV", 144)

    def test_a_missing_folder_and_an_odd_identifier(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="not a folder"):
            from_folder(tmp_path / "none", "P1", "baseline", GRID)
        (tmp_path / "inside").mkdir()
        with pytest.raises(InputError, match="no delineation of"):
            from_folder(tmp_path / "inside", "../inside", "baseline", GRID)


class TestVisit:
    """The objects of one date, drawn on a CT of twelve slices."""

    def visit(self, *objects: tuple[str, Path, str]) -> Visit:
        """Of (modality, file, the series it refers to)."""
        listed = [
            Series(path.name, modality, (path,), references=frozenset({uid}))
            for modality, path, uid in objects
        ]
        return Visit(
            dt.date(2020, 1, 6),
            "baseline",
            ct=Series("1.2.8", "CT", (Path("ct.dcm"),)),
            rtstructs=tuple(series for series in listed if series.modality == "RTSTRUCT"),
            segs=tuple(series for series in listed if series.modality == "SEG"),
        )

    def test_a_lesion_of_two_objects_is_taken_once(self, tmp_path: Path) -> None:
        seg = write_seg(tmp_path / "seg.dcm", [segment("mass", 4)], HEADERS)
        drawn = [segment("GTV", 5), segment("LN", 25)]
        rtstruct = write_rtstruct(tmp_path / "rs.dcm", drawn, HEADERS)
        visit = self.visit(("SEG", seg, "1.2.8"), ("RTSTRUCT", rtstruct, "1.2.8"))
        found = read_visit(visit, GRID)
        assert [(c.label, c.source) for c in found.candidates] == [
            ("mass", "seg.dcm"),
            ("LN", "rs.dcm"),
        ]
        assert found.warnings == ("rs.dcm: GTV left out, mass of seg.dcm is the same lesion",)
        assert read_visit(visit, GRID).candidates[1].is_node

    def test_contours_on_another_series_are_used_only_without_better(self, tmp_path: Path) -> None:
        on_ct = write_rtstruct(tmp_path / "ct.dcm", [segment("GTV", 4)], HEADERS)
        on_pet = write_rtstruct(tmp_path / "pet.dcm", [segment("GTV", 25)], HEADERS)
        both = self.visit(("RTSTRUCT", on_ct, "1.2.8"), ("RTSTRUCT", on_pet, "1.2.6"))
        assert [c.source for c in read_visit(both, GRID).candidates] == ["ct.dcm"]
        alone = self.visit(("RTSTRUCT", on_pet, "1.2.6"))
        assert [c.source for c in read_visit(alone, GRID).candidates] == ["pet.dcm"]

    def test_what_was_not_taken_or_not_read_is_named(self, tmp_path: Path) -> None:
        broken = tmp_path / "broken.dcm"
        broken.write_bytes(b"no")
        drawn = write_rtstruct(
            tmp_path / "rs.dcm", [segment("GTV", 4), segment("Liver", 20)], HEADERS
        )
        visit = self.visit(("RTSTRUCT", broken, "1.2.8"), ("RTSTRUCT", drawn, "1.2.8"))
        found = read_visit(visit, GRID)
        assert [c.label for c in found.candidates] == ["GTV"]
        assert found.unusable[0].startswith("broken.dcm: not readable as DICOM")
        assert found.warnings[0] == "rs.dcm: not taken for lesions: Liver (not named as a lesion)"

    def read_set(self, monkeypatch: pytest.MonkeyPatch, *rois: Roi) -> Delineated:
        """What a visit gives whose one structure set holds these ROIs."""
        made = StructureSet("1", "", rois, "1.2", source="rs.dcm")
        monkeypatch.setattr(delineation, "read_rtstruct", lambda path: made)
        return read_visit(self.visit(("RTSTRUCT", Path("rs.dcm"), "1.2.8")), GRID)

    @pytest.mark.parametrize(
        ("damaged", "named"),
        [
            (replace(roi("GTV 2"), fault="2 ROIs share the number 1"), "share the number"),
            (roi("GTV 2", contours=squares((500.0, 2.5, 4.0))), "holds no voxel of the image"),
            (roi("GTV 2", contours=squares((2.5, 2.5, 400.0))), "holds no voxel of the image"),
            (replace(roi("GTV 2"), frame_of_reference_uid="9.9"), "another frame of reference"),
        ],
    )
    def test_a_lesion_that_cannot_be_used_is_named_and_the_others_stay(
        self, monkeypatch: pytest.MonkeyPatch, damaged: Roi, named: str
    ) -> None:
        found = self.read_set(monkeypatch, roi("GTV 1"), damaged)
        assert [candidate.label for candidate in found.candidates] == ["GTV 1"]
        assert found.incomplete
        assert len(found.unusable) == 1
        assert "GTV 2" in found.unusable[0]
        assert named in found.unusable[0]

    def test_an_empty_lesion_is_no_proof_that_it_is_gone(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        found = self.read_set(monkeypatch, roi("GTV 1"), roi("GTV 2", contours=()))
        assert found.incomplete
        assert found.warnings == ("rs.dcm: not taken for lesions: GTV 2 (no closed contour)",)
        organ = self.read_set(monkeypatch, roi("GTV 1"), roi("Lung", "ORGAN", contours=()))
        assert not organ.incomplete

    def test_the_type_organ_tells_nothing_where_every_roi_has_it(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        found = self.read_set(monkeypatch, roi("GTV-1", "ORGAN"), roi("Lung", "ORGAN"))
        assert [candidate.label for candidate in found.candidates] == ["GTV-1"]
        told = self.read_set(monkeypatch, roi("Tumor bed", "ORGAN"), roi("PTV", "PTV"))
        assert not told.candidates
        assert "Tumor bed may be: choose with --roi-pattern" in told.unusable[0]

    def test_a_label_map_of_the_manifest_is_taken(self, tmp_path: Path) -> None:
        labels = np.zeros(GRID.shape, dtype=np.int16)
        labels[2:9, 2:9, 2:6] = 1
        path = write(tmp_path / "l.nii.gz", labels)
        visit = Visit(dt.date(2020, 1, 6), "baseline", labels=path)
        assert [c.mask.voxels for c in read_visit(visit, GRID).candidates] == [196]


def test_overlap_of_two_masks() -> None:
    one = Mask.placed(np.ones((4, 4, 4), dtype=bool), (0, 0, 0), GRID)
    assert dice_of_masks(one, one) == 1.0
    assert dice_of_masks(one, Mask.placed(np.ones((4, 4, 4), dtype=bool), (2, 0, 0), GRID)) == 0.5
    assert dice_of_masks(one, Mask.placed(np.ones((4, 4, 4), dtype=bool), (9, 9, 6), GRID)) == 0.0


@pytest.mark.data
def test_the_real_structure_set_gives_the_five_lesions_of_its_truth(data_dir: Path) -> None:
    from imaging.contours import read_rtstruct  # noqa: PLC0415

    study = data_dir / "longitudinal" / "lung-abscopal"
    image = nibabel.load(study / "truth" / "baseline_labels.nii.gz")
    labels = np.asarray(image.dataobj)
    grid = Grid(labels.shape, np.diag([-1.0, -1, 1, 1]) @ image.affine)
    read = read_rtstruct(study / "baseline" / "RTSTRUCT" / "RS.dcm")
    found = candidates_from_rtstruct(read, grid)
    assert [(c.label, c.is_node) for c in found] == [
        ("Tumor_c40", None),
        ("LN_c40 1", True),
        ("LN_c40 2", True),
        ("LN_c40 3", True),
        ("Nodule_sim", None),
    ]
    for number, candidate in enumerate(found, start=1):
        assert np.array_equal(candidate.mask.full(), labels == number)


@pytest.mark.parametrize(
    ("name", "organ"),
    [
        ("GTV_lung_1", "lung"),
        ("Liver met 2", "liver"),
        ("GTVp", None),
        ("Lungs-GTV", None),
        ("backbone", None),
    ],
)
def test_an_organ_is_read_from_whole_words_of_a_name(name: str, organ: str | None) -> None:
    found, flags = organ_by_name(name)
    assert found == organ
    assert bool(flags) == (organ is not None)


@pytest.mark.parametrize(
    "name",
    [
        "Läsion 2",
        "lésion foie",
        "Tumeur",
        "tumore dx",
        "Metastasen",
        "métastase_3",
        "nódulo",
        "Filia",
    ],
)
def test_lesions_are_named_in_other_languages_too(name: str) -> None:
    assert named_lesion(name)


@pytest.mark.parametrize(
    "name", ["Lunge", "Foie", "Masseter_L", "Mesenterium", "Leber", "Metencephalon"]
)
def test_organs_of_other_languages_are_none(name: str) -> None:
    assert not named_lesion(name)
