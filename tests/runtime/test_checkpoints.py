"""Checkpoints: tensors and facts come back bit for bit, equal bytes for equal content, and faulty files are named."""

import pytest
import safetensors.torch
import torch

from safevla.runtime import checkpoints


def _model() -> torch.nn.Linear:
    torch.manual_seed(0)
    return torch.nn.Linear(3, 2)


def test_tensors_and_facts_come_back_bit_for_bit(tmp_path):
    tensors = {
        "half": torch.randn(3).half(), "double": torch.randn(2, 2, dtype=torch.float64), "flags": torch.tensor([True, False]),
        "strided": torch.arange(6.0).view(2, 3).T, "scalar": torch.tensor(7),
    }  # fmt: skip
    facts = {"steps": 3, "curve": [{"cost": 1.5}], "name": "é"}
    checkpoints.save(tmp_path / "a" / "x.safetensors", tensors, facts)
    back, metadata = checkpoints.load(tmp_path / "a" / "x.safetensors")
    assert metadata == facts and back.keys() == tensors.keys()
    assert all(torch.equal(back[name], tensor) and back[name].dtype == tensor.dtype for name, tensor in tensors.items())
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["x.safetensors"]  # nothing half-written is left


def test_equal_content_gives_equal_bytes(tmp_path):
    tensors, facts = {"b": torch.ones(2), "a": torch.zeros(3)}, {"z": 1, "a": {"y": 2, "x": 3}}
    checkpoints.save(tmp_path / "1", tensors, facts)
    checkpoints.save(tmp_path / "2", dict(reversed(tensors.items())), dict(reversed(facts.items())))
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()


def test_an_optimiser_goes_on_as_if_nothing_had_happened(tmp_path):
    def stepped(model, optimiser, n: int) -> None:
        for i in range(n):
            optimiser.zero_grad()
            model(torch.full((1, 3), 1.0 + i)).square().sum().backward()
            optimiser.step()

    model, again = _model(), _model()
    optimiser, other = (torch.optim.Adam(one.parameters(), lr=0.1) for one in (model, again))
    stepped(model, optimiser, 3)
    kept = {**model.state_dict(), **checkpoints.optimiser_tensors(optimiser, "adam")}
    checkpoints.save(tmp_path / "x", kept, {})
    back, _ = checkpoints.load(tmp_path / "x")
    checkpoints.restore(again, {name: back[name] for name in model.state_dict()}, tmp_path / "x")
    checkpoints.restore_optimiser(other, back, "adam")
    for one, its in ((model, optimiser), (again, other)):
        stepped(one, its, 2)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))


def test_faulty_files_are_named(tmp_path):
    file = tmp_path / "x.safetensors"
    with pytest.raises(checkpoints.CheckpointError, match=r"x\.safetensors: not a readable checkpoint"):
        checkpoints.load(file)
    checkpoints.save(file, {"weight": torch.zeros(2, 3)}, {})
    file.write_bytes(file.read_bytes()[:-4])
    with pytest.raises(checkpoints.CheckpointError, match=r"x\.safetensors: not a readable checkpoint"):
        checkpoints.load(file)
    with pytest.raises(checkpoints.CheckpointError, match=r"(?s)x\.safetensors: does not fit the policy.*bias"):
        checkpoints.restore(_model(), {"weight": torch.zeros(2, 3)}, file)


def test_what_does_not_fit_an_optimiser_or_is_not_finite_is_named(tmp_path):
    model = _model()
    optimiser = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 3)).sum().backward()
    optimiser.step()
    kept = checkpoints.optimiser_tensors(optimiser, "adam")
    file = tmp_path / "x.safetensors"
    for change, message in (
        ({"adam.0.exp_avg": torch.zeros(5)}, r"adam\.0\.exp_avg: of the shape \(5,\), its parameter of \(2, 3\)"),
        ({"adam.7.exp_avg": torch.zeros(5)}, r"adam\.7\.exp_avg: not the state of one of the optimiser's 2 parameters"),
        ({"adam.x.exp_avg": torch.zeros(5)}, r"adam\.x\.exp_avg: not the state of one"),
        ({"adam.1.exp_avg": torch.full((2,), torch.inf)}, r"adam\.1\.exp_avg: holds what is no finite number"),
    ):
        with pytest.raises(checkpoints.CheckpointError, match=rf"x\.safetensors: {message}"):
            checkpoints.restore_optimiser(optimiser, kept | change, "adam", file)
    for value in (torch.nan, -torch.inf):
        with pytest.raises(checkpoints.CheckpointError, match=r"x\.safetensors: bias: holds what is no finite number"):
            checkpoints.restore(model, {"weight": torch.zeros(2, 3), "bias": torch.tensor([0.0, value])}, file)


@pytest.mark.parametrize("header", ["[" * 100_000, "{", "9" * 5000, '"\xe9'])
def test_a_header_that_is_no_json_is_one_error(tmp_path, header):
    safetensors.torch.save_file({"x": torch.zeros(1)}, tmp_path / "x.safetensors", metadata={checkpoints.FORMAT: header})
    with pytest.raises(checkpoints.CheckpointError, match=r"x\.safetensors: "):
        checkpoints.load(tmp_path / "x.safetensors")
