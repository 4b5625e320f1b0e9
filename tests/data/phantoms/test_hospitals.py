"""In the development set the look is the class; outside it tells no more than chance does."""

from isnet_cxr.data.phantoms.hospitals import (
    DEVELOPMENT,
    EXTERNAL,
    HOSPITALS,
    LUNG_TEST,
    LUNG_TRAINING,
    PADDED,
)

CLASSES = {"normal", "pneumonia", "covid"}
LOOK_OF = {label: looks[0] for hospital in DEVELOPMENT for label, looks in hospital.looks.items()}


def test_every_class_of_the_pool_has_one_hospital_and_one_look():
    assert LOOK_OF.keys() == CLASSES
    assert [len(hospital.looks) for hospital in DEVELOPMENT] == [1, 1, 1]
    assert len(set(LOOK_OF.values())) == len(CLASSES)


def test_external_hospitals_have_all_classes_and_only_looks_of_the_pool():
    for hospital in EXTERNAL:
        assert hospital.looks.keys() == CLASSES
        assert {look for looks in hospital.looks.values() for look in looks} == {*LOOK_OF.values()}


def test_external_looks_are_right_at_most_by_chance():
    for hospital in EXTERNAL:
        for label, looks in hospital.looks.items():
            assert looks.count(LOOK_OF[label]) / len(looks) <= 1 / len(CLASSES)


def test_what_hospitals_do_to_the_lungs_overlaps_widely():
    for name in ("centre_cm", "latitude_cm", "noise", "blur_mm", "scatter", "spacing_mm"):
        ranges = [getattr(hospital, name) for hospital in (*DEVELOPMENT, *EXTERNAL)]
        shared = min(high for _, high in ranges) - max(low for low, _ in ranges)
        assert shared >= 0.6 * max(high - low for low, high in ranges), name


def test_where_lungs_are_learned_a_pad_says_nothing_and_may_be_missing():
    sides = {None, "left", "right", "below"}
    for looks in PADDED[LUNG_TRAINING.name].looks.values():
        assert {look.pads[0].side if look.pads else None for look in looks} == sides
    own = [PADDED[hospital.name].looks for hospital in DEVELOPMENT]
    assert {look.pads[0].side for looks in own for (look,) in looks.values()} == sides - {None}


def test_hospitals_are_found_by_their_names():
    assert all(name == hospital.name for name, hospital in HOSPITALS.items())
    plain = (*DEVELOPMENT, *EXTERNAL, LUNG_TRAINING, LUNG_TEST)
    assert len(HOSPITALS) == len((*plain, *PADDED.values()))
