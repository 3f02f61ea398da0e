"""Similarity of RDMs and noise ceilings against scipy and rsatoolbox."""

import numpy as np
import pytest
from early_alignment import inference, measures
from scipy.stats import pearsonr


@pytest.fixture
def two_sets():
    rng = np.random.default_rng(3)
    common = rng.normal(size=190)
    return 5 + common + rng.normal(size=(3, 190)), common + rng.normal(size=(4, 190))


def test_pearson_is_scipys_and_rsatoolboxs(two_sets):
    import rsatoolbox

    a, b = two_sets
    ours = measures.compare(a, b)
    np.testing.assert_allclose(ours, [[pearsonr(x, y).statistic for y in b] for x in a], atol=1e-12)
    theirs = rsatoolbox.rdm.compare(rsatoolbox.rdm.RDMs(a), rsatoolbox.rdm.RDMs(b), method="corr")
    np.testing.assert_allclose(ours, theirs, atol=1e-9)


def test_the_sign_is_kept():
    rdm = np.arange(10.0)
    assert measures.compare(rdm[None], -rdm[None]).item() == pytest.approx(-1)


def test_rdms_of_other_sizes_and_constant_rdms_are_refused():
    with pytest.raises(ValueError, match="10 and of 15 pairs"):
        measures.compare(np.ones((1, 10)), np.ones((1, 15)))
    with pytest.raises(ValueError, match="constant or not finite"):
        measures.compare(np.full((1, 10), 0.3), np.arange(10.0)[None])


def test_noise_ceiling_is_rsatoolboxs(two_sets):
    import rsatoolbox

    _, subjects = two_sets
    theirs = rsatoolbox.inference.boot_noise_ceiling(
        rsatoolbox.rdm.RDMs(subjects), method="corr", rdm_descriptor="index"
    )
    np.testing.assert_allclose(inference.noise_ceiling(subjects), theirs, atol=1e-9)


def test_one_subject_has_no_ceiling(two_sets):
    assert np.isnan(inference.noise_ceiling(two_sets[0][:1])).all()
