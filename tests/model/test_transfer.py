import os
import pickle
from collections import OrderedDict

import pytest
import torch
from monai.networks.nets import DenseNet121, resnet10
from safetensors.torch import save_file
from torch import nn
from transformers import Dinov2Config, Dinov2Model

from mediscan.errors import ConfigError
from mediscan.model.image import build_image_encoder, build_volume_encoder, restore_image_encoder
from mediscan.model.layers import freeze_layers, layer_groups, layers_of
from mediscan.model.transfer import load_image_weights


class ReferenceDenseLayer(nn.Sequential):
    """One dense layer, its modules named as TorchXRayVision and torchvision name them."""

    def __init__(self, channels):
        super().__init__(
            OrderedDict(
                norm1=nn.BatchNorm2d(channels),
                relu1=nn.ReLU(),
                conv1=nn.Conv2d(channels, 128, 1, bias=False),
                norm2=nn.BatchNorm2d(128),
                relu2=nn.ReLU(),
                conv2=nn.Conv2d(128, 32, 3, padding=1, bias=False),
            )
        )

    def forward(self, x):
        return torch.cat([x, super().forward(x)], 1)


class ReferenceDenseNet(nn.Module):
    """DenseNet-121 as Huang et al. describe it (2017), in plain torch: what the encoder must agree with."""

    def __init__(self, *, input_channels=1, classes=18):
        super().__init__()
        features = OrderedDict(
            conv0=nn.Conv2d(input_channels, 64, 7, stride=2, padding=3, bias=False),
            norm0=nn.BatchNorm2d(64),
            relu0=nn.ReLU(),
            pool0=nn.MaxPool2d(3, stride=2, padding=1),
        )
        channels = 64
        for block, layers in enumerate((6, 12, 24, 16), start=1):
            names = [f"denselayer{layer}" for layer in range(1, layers + 1)]
            dense = [ReferenceDenseLayer(channels + 32 * layer) for layer in range(layers)]
            features[f"denseblock{block}"] = nn.Sequential(OrderedDict(zip(names, dense, strict=True)))
            channels += 32 * layers
            if block < 4:
                features[f"transition{block}"] = nn.Sequential(
                    OrderedDict(
                        norm=nn.BatchNorm2d(channels),
                        relu=nn.ReLU(),
                        conv=nn.Conv2d(channels, channels // 2, 1, bias=False),
                        pool=nn.AvgPool2d(2, stride=2),
                    )
                )
                channels //= 2
        features["norm5"] = nn.BatchNorm2d(channels)
        self.features = nn.Sequential(features)
        self.classifier = nn.Linear(channels, classes)

    def forward(self, x):
        return self.features(x).relu()


class ReferenceBlock(nn.Module):
    """A basic residual block, its modules named as torchvision names them."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x):
        shortcut = x if self.downsample is None else self.downsample(x)
        return (self.bn2(self.conv2(self.bn1(self.conv1(x)).relu())) + shortcut).relu()


class ReferenceResNet18(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = nn.Sequential(ReferenceBlock(64, 64, 1), ReferenceBlock(64, 64, 1))
        self.layer2 = nn.Sequential(ReferenceBlock(64, 128, 2), ReferenceBlock(128, 128, 1))
        self.layer3 = nn.Sequential(ReferenceBlock(128, 256, 2), ReferenceBlock(256, 256, 1))
        self.layer4 = nn.Sequential(ReferenceBlock(256, 512, 2), ReferenceBlock(512, 512, 1))
        self.fc = nn.Linear(512, 1000)

    def forward(self, x):
        x = nn.functional.max_pool2d(self.bn1(self.conv1(x)).relu(), 3, stride=2, padding=1)
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))


def trained(network, *, grey):
    """Random weights and statistics as training leaves them: features stay of order one, and every norm matters."""
    torch.manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm3d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.3, 0.3)
            module.momentum = None  # the statistics of what follows
    network.train()
    with torch.no_grad():
        network(grey)
    return network.eval()


def displayed(side, *, count=2):
    """(count, 1, side, side) grey values 0 to 1 of images that saturate their display at both ends."""
    smooth = nn.functional.interpolate(torch.randn(count, 1, side // 8, side // 8), (side, side), mode="bicubic")
    low, high = (smooth.flatten(1).quantile(end, dim=1).reshape(-1, 1, 1, 1) for end in (0.05, 0.95))
    return ((smooth - low) / (high - low)).clamp(0, 1)


def standardised(grey):
    """As planes reach the network: each by its own mean and deviation."""
    return (grey - grey.mean(dim=(1, 2, 3), keepdim=True)) / grey.std(dim=(1, 2, 3), correction=0, keepdim=True)


@pytest.fixture(scope="module")
def xrv():
    """A network in TorchXRayVision's format, which sees grey values from -1024 to 1024."""
    return trained(ReferenceDenseNet(), grey=(displayed(128, count=8) * 2 - 1) * 1024)


@pytest.fixture(scope="module")
def xrv_file(xrv, tmp_path_factory):
    path = tmp_path_factory.mktemp("xrv") / "xrv.pt"
    torch.save(xrv.state_dict(), path)
    return path


def old_spelling(state):
    """`norm.1` for `norm1`, as torchvision's first files spell it."""
    return {
        name.replace("norm1.", "norm.1.")
        .replace("norm2.", "norm.2.")
        .replace("conv1.", "conv.1.")
        .replace("conv2.", "conv.2."): tensor
        for name, tensor in state.items()
    }


@torch.inference_mode()
@pytest.mark.parametrize(("spelling", "side"), [(dict, 224), (dict, 75), (old_spelling, 96)])
def test_a_torchxrayvision_checkpoint_gives_the_reference_features(xrv, tmp_path, spelling, side):
    torch.save(spelling(xrv.state_dict()), tmp_path / "xrv.pt")
    encoder = build_image_encoder("densenet121")
    load_image_weights(encoder, tmp_path / "xrv.pt")
    grey = displayed(side)

    grid = encoder.eval()(standardised(grey)).grid

    expected = xrv((grey * 2 - 1) * 1024)
    assert float(expected.std()) > 0.1
    assert torch.allclose(grid, expected, atol=1e-4)


def test_the_report_of_torchxrayvision_names_its_classifier_and_its_range(xrv_file):
    encoder = build_image_encoder("densenet121")
    report = load_image_weights(encoder, xrv_file)

    assert report.left_out == ("classifier.bias", "classifier.weight")
    assert (report.adapted, report.missing, report.share) == ((), (), 1.0)
    assert set(report.loaded) == set(encoder.network.state_dict())
    assert "classifier" in str(report)
    assert "-1024 … 1024" in str(report)
    assert encoder.pretrained


@torch.inference_mode()
def test_the_range_of_torchxrayvision_is_restored_with_the_encoder(xrv_file):
    encoder = build_image_encoder("densenet121")
    load_image_weights(encoder, xrv_file)
    restored = restore_image_encoder(encoder.config)
    restored.load_state_dict(encoder.state_dict())

    images = standardised(displayed(64))
    assert torch.equal(restored.eval()(images).grid, encoder.eval()(images).grid)


@torch.inference_mode()
@pytest.mark.parametrize(
    ("name", "reference"),
    [("densenet121", lambda: ReferenceDenseNet(input_channels=3)), ("resnet18", ReferenceResNet18)],
)
def test_a_torchvision_checkpoint_of_three_channels_answers_to_grey_as_before(tmp_path, name, reference):
    grey = standardised(displayed(64))
    network = trained(reference(), grey=torch.randn(8, 3, 64, 64))
    save_file({f"module.{name}": tensor for name, tensor in network.state_dict().items()}, tmp_path / "w.safetensors")

    encoder = build_image_encoder(name)
    report = load_image_weights(encoder, tmp_path / "w.safetensors")

    assert torch.allclose(encoder.eval()(grey).grid, network(grey.expand(-1, 3, -1, -1)), atol=1e-4)
    assert len(report.adapted) == 1
    assert (report.missing, report.intensity) == ((), None)


@torch.inference_mode()
def test_a_monai_bundle_gives_the_features_of_its_network(tmp_path):
    network = DenseNet121(spatial_dims=2, in_channels=1, out_channels=3).eval()
    (tmp_path / "configs").mkdir()
    (tmp_path / "models").mkdir()
    torch.save({"model": network.state_dict(), "epoch": 3}, tmp_path / "models" / "model.pt")
    images = torch.randn(2, 1, 64, 64)

    encoder = build_image_encoder("densenet121")
    report = load_image_weights(encoder, tmp_path)

    assert torch.allclose(encoder.eval()(images).grid, network.features(images).relu(), atol=1e-4)
    assert report.left_out == ("model.class_layers.out.bias", "model.class_layers.out.weight")
    assert report.intensity is None


@torch.inference_mode()
def test_a_monai_network_for_volumes_gives_its_features(tmp_path):
    network = resnet10(
        spatial_dims=3, n_input_channels=1, conv1_t_stride=2, bias_downsample=False, num_classes=2
    ).eval()
    torch.save(network.state_dict(), tmp_path / "w.pth")
    volume = torch.randn(1, 1, 32, 64, 64)

    encoder = build_volume_encoder("resnet10-3d")
    report = load_image_weights(encoder, tmp_path / "w.pth")

    assert report.left_out == ("fc.bias", "fc.weight")
    pooled = encoder.eval()(volume).grid.mean(dim=(2, 3, 4))
    assert torch.allclose(network.fc(pooled), network(volume), atol=1e-4)


@torch.inference_mode()
def test_a_hugging_face_folder_loads_into_an_encoder_of_the_same_network(tmp_path):
    config = Dinov2Config(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=70, patch_size=14)
    Dinov2Model(config).save_pretrained(tmp_path / "first")
    other = Dinov2Model(config).eval()
    other.save_pretrained(tmp_path / "second")
    images = torch.randn(1, 1, 98, 98)

    encoder = build_image_encoder(str(tmp_path / "first")).eval()
    report = load_image_weights(encoder, tmp_path / "second")

    expected = other(pixel_values=images.expand(-1, 3, -1, -1)).last_hidden_state[:, 1:]
    assert torch.allclose(encoder(images).grid.flatten(2).transpose(1, 2), expected, atol=1e-4)
    assert report.share == 1.0


def test_part_of_a_network_is_loaded_and_the_rest_is_named_as_missing(xrv, tmp_path):
    part = {name: tensor for name, tensor in xrv.state_dict().items() if "denseblock4" not in name}
    torch.save(part, tmp_path / "part.pt")
    encoder = build_image_encoder("densenet121")
    before = encoder.network.state_dict()["features.denseblock4.denselayer1.layers.conv1.weight"].clone()

    report = load_image_weights(encoder, tmp_path / "part.pt")

    assert 0.5 < report.share < 0.8
    assert {name.split(".")[1] for name in report.missing} == {"denseblock4"}
    assert "more" in str(report)
    assert torch.equal(encoder.network.state_dict()["features.denseblock4.denselayer1.layers.conv1.weight"], before)


def test_a_checkpoint_of_another_network_is_refused_and_changes_nothing(xrv_file):
    encoder = build_image_encoder("resnet18")
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}

    with pytest.raises(ConfigError, match=r"has 0% of the image encoder's weights; .* Choose the model.image_encoder"):
        load_image_weights(encoder, xrv_file)
    assert all(torch.equal(before[name], tensor) for name, tensor in encoder.state_dict().items())
    assert not encoder.pretrained


class Hostile:
    """Runs a command when it is unpickled."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return (os.system, (f"touch {self.marker}",))


@pytest.mark.parametrize("container", ["torch", "pickle"])
def test_a_checkpoint_that_would_run_code_is_refused_and_does_not_run(tmp_path, container):
    stored = {"model": Hostile(tmp_path / "ran")}
    path = tmp_path / "hostile.pt"
    if container == "torch":
        torch.save(stored, path)
    else:
        path.write_bytes(pickle.dumps(stored))

    with pytest.raises(
        ConfigError, match=r"would run code when opened. Where you trust its origin, .* save only its w"
    ):
        load_image_weights(build_image_encoder("resnet-small"), path)
    assert not (tmp_path / "ran").exists()


def test_a_whole_pickled_model_is_refused_with_the_remedy(tmp_path):
    torch.save(ReferenceResNet18(), tmp_path / "whole.pt")

    with pytest.raises(ConfigError, match=r"would run code when opened.*safetensors.torch.save_file\(model.state_dict"):
        load_image_weights(build_image_encoder("resnet18"), tmp_path / "whole.pt")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("w.safetensors", b"\x08\0\0\0\0\0\0\0nonsense", "is damaged or of another format: SafetensorError"),
        ("w.pt", b"PK\x03\x04nonsense", "is damaged or of another format: RuntimeError"),
        ("w.bin", b"", "is none of .safetensors, .pt, .pth"),
        ("w.pt", None, "there is no checkpoint at .* Give a .safetensors"),
    ],
)
def test_a_file_that_is_no_checkpoint_is_refused(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)

    with pytest.raises(ConfigError, match=message):
        load_image_weights(build_image_encoder("resnet-small"), tmp_path / name)


def test_an_empty_checkpoint_and_one_that_is_not_finite_are_refused(tmp_path):
    encoder = build_image_encoder("resnet-small")
    torch.save({"epoch": 3}, tmp_path / "empty.pt")
    state = encoder.network.state_dict()
    save_file(state | {"conv1.weight": state["conv1.weight"] * float("nan")}, tmp_path / "nan.safetensors")

    with pytest.raises(ConfigError, match="holds no weights"):
        load_image_weights(encoder, tmp_path / "empty.pt")
    with pytest.raises(ConfigError, match=r"weights that are not finite, in conv1.weight"):
        load_image_weights(encoder, tmp_path / "nan.safetensors")


def test_a_saved_encoder_loads_into_an_encoder(tmp_path):
    first, second = build_image_encoder("resnet-small"), build_image_encoder("resnet-small")
    save_file(
        {f"image_encoder.{name}": tensor for name, tensor in first.state_dict().items()}, tmp_path / "w.safetensors"
    )

    assert load_image_weights(second, tmp_path / "w.safetensors").share == 1.0
    assert all(torch.equal(tensor, second.state_dict()[name]) for name, tensor in first.state_dict().items())


def test_layer_rates_fall_from_the_output_to_the_input_and_cover_all_that_learns():
    network = build_image_encoder("resnet18").network
    groups = layer_groups(network, rate=1e-3, decay=0.5)

    assert [rate for _, rate in groups] == pytest.approx([1e-3 * 0.5**depth for depth in range(8, -1, -1)])
    assert groups[0][0][0] is network.conv1.weight
    learned = [parameter for parameters, _ in groups for parameter in parameters]
    assert {id(parameter) for parameter in learned} == {id(parameter) for parameter in network.parameters()}
    assert len(learned) == len({id(parameter) for parameter in learned})


def test_frozen_layers_have_no_rate_and_do_not_change():
    encoder = build_image_encoder("resnet18")
    freeze_layers(encoder.network, 3)
    groups = layer_groups(encoder.network, rate=1e-3, decay=0.9)
    before = {name: tensor.clone() for name, tensor in encoder.network.state_dict().items()}

    assert len(groups) == len(encoder.layers()) - 3
    assert groups[-1][1] == 1e-3
    optimizer = torch.optim.SGD([{"params": parameters, "lr": rate} for parameters, rate in groups])
    encoder.train()(torch.randn(2, 1, 64, 64)).grid.square().mean().backward()
    optimizer.step()

    after = encoder.network.state_dict()
    changed = {name.split(".")[0] for name in after if not torch.equal(before[name], after[name])}
    assert changed == {"layer2", "layer3", "layer4"}


def test_more_layers_than_there_are_cannot_be_frozen():
    with pytest.raises(ConfigError, match=r"10 layers of an encoder cannot be frozen, it has 9. Choose 0 to 9"):
        freeze_layers(build_image_encoder("resnet18").network, 10)


def test_a_text_encoder_has_its_embeddings_and_blocks_as_layers(tiny_text_encoder):
    from transformers import BertModel  # noqa: PLC0415  (its fixture imports it already)

    body = BertModel.from_pretrained(tiny_text_encoder, add_pooling_layer=False)

    assert [type(layer).__name__ for layer in layers_of(body)] == ["BertEmbeddings", "BertLayer", "BertLayer"]
