"""Reading template.yaml: CloudFormation's short intrinsics as plain dicts, and their values.

The sandbox packages what `load` gives; tests create their tables and read their environment with
`Resolver`, so that there is no second description of the infrastructure anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
PATH = ROOT / "template.yaml"
NO_VALUE = object()


class _Loader(yaml.SafeLoader):
    """YAML with `!Ref`, `!GetAtt`…; dates stay text."""


def _intrinsic(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _intrinsic)
_Loader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in found if tag != "tag:yaml.org,2002:timestamp"]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def load(path: Path = PATH) -> dict[str, Any]:
    """The template as it stands, intrinsics in their long form."""
    loaded: dict[str, Any] = yaml.load(path.read_text("utf-8"), _Loader)  # noqa: S506  # a SafeLoader
    return loaded


def of_type(template: Mapping[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    """Logical id → resource, for one resource type, in the template's order."""
    return {name: r for name, r in template["Resources"].items() if r["Type"] == kind}


Attribute = Callable[[str, str], str]


class Resolver:
    """Values of intrinsics; `attribute(logical id, attribute or "Ref")` answers for resources."""

    def __init__(
        self, template: Mapping[str, Any], parameters: Mapping[str, str], attribute: Attribute
    ) -> None:
        self.template = template
        defaults = {
            name: str(p["Default"]) for name, p in template["Parameters"].items() if "Default" in p
        }
        pseudo = {
            "AWS::Region": "eu-west-1",
            "AWS::Partition": "aws",
            "AWS::URLSuffix": "amazonaws.com",
        }
        self.parameters = {**pseudo, "AWS::AccountId": "123456789012", **defaults, **parameters}
        self.attribute = attribute

    def value(self, node: Any) -> Any:
        """The node with every intrinsic replaced by its value."""
        if isinstance(node, list):
            return [v for v in map(self.value, node) if v is not NO_VALUE]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            ((name, argument),) = node.items()
            if name == "Ref" or name.startswith("Fn::"):
                return self._intrinsic(name, argument)
        resolved = {key: self.value(value) for key, value in node.items()}
        return {key: value for key, value in resolved.items() if value is not NO_VALUE}

    def condition(self, name: str) -> bool:
        """Whether a condition of the template holds under these parameters."""
        return bool(self.value(self.template["Conditions"][name]))

    def _intrinsic(self, name: str, argument: Any) -> Any:
        match name:
            case "Ref":
                return self._ref(argument)
            case "Fn::GetAtt":
                return self.attribute(argument[0], argument[1])
            case "Fn::Sub":
                return re.sub(r"\$\{([^}!]+)\}", lambda m: str(self._named(m[1])), argument)
            case "Fn::If":
                return self.value(argument[1] if self.condition(argument[0]) else argument[2])
            case "Fn::Equals":
                return self.value(argument[0]) == self.value(argument[1])
            case "Fn::Not":
                return not self.value(argument[0])
            case "Fn::Join":
                return str(argument[0]).join(map(str, self.value(argument[1])))
        raise LookupError(f"{name} is not used by this template")

    def _ref(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return NO_VALUE
        if name in self.parameters:
            return self.parameters[name]
        return self.attribute(name, "Ref")

    def _named(self, name: str) -> Any:
        logical, _, attribute = name.partition(".")
        return self.attribute(logical, attribute) if attribute else self._ref(name)
