"""The template language of letters: fixed names, comparisons and `if`.

Jinja2's sandbox renders it, but only after `check` has refused everything else. Without loops,
calls, attributes and arithmetic no template can run for long, grow large or read other data.
Rendering a template that passed `check` cannot fail.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

TEXTS = frozenset(
    {
        "member",
        "constituency",
        "party",
        "motion_number",
        "motion_title",
        "campaign",
        "organisation",
        "earlier_motion_number",
        "name",
        "purpose",
        "petition",
        "addressed_to",
    }
)
NUMBERS = frozenset({"signatures", "letters"})
NAMES = TEXTS | NUMBERS
# Set only if the member signed an earlier motion of the campaign.
EARLIER = "earlier_motion_number"
# A campaign without a motion has none of these.
OF_MOTION = frozenset({"motion_number", "motion_title", EARLIER})
_DEEPEST = 12
_LARGEST = 10**9
_ORDERINGS = frozenset({"lt", "lteq", "gt", "gteq"})
_environment = ImmutableSandboxedEnvironment(
    undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)


class TemplateFault(Exception):
    """A mistake in a template, with its line, counted from 1."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


def check(source: str, *, knows_earlier: bool, has_motion: bool = True) -> None:
    """Raises TemplateFault if rendering the template could fail for any member.

    `knows_earlier`: every member who gets it has signed an earlier motion of the campaign.
    Without `has_motion`, it is of a letter of a campaign that has none.
    """
    template = _parse(source)
    _walk(template, {EARLIER} if knows_earlier else set(), 0)
    if not has_motion:
        _refuse_motion(template)


def _refuse_motion(template: nodes.Template) -> None:
    for name in template.find_all(nodes.Name):
        if name.name in OF_MOTION:
            message = f"'{name.name}' cannot be used in a letter that is about no motion."
            raise TemplateFault(name.lineno, message)


def fill(source: str, values: Mapping[str, str | int]) -> str:
    """Renders a template. `values` has all `NAMES`, but `EARLIER` only if it is known."""
    return _compiled(source).render(values)


@lru_cache(maxsize=512)
def mentions(source: str, name: str) -> bool:
    """Returns whether a template that passed `check` depends on a name."""
    return any(node.name == name for node in _parse(source).find_all(nodes.Name))


def can_be_empty(source: str) -> bool:
    """True if a template that passed `check` renders to an empty text for some members."""
    return not _always_has_text(_parse(source).body)


def _always_has_text(body: Iterable[nodes.Node]) -> bool:
    for node in body:
        if isinstance(node, nodes.Output) and any(_is_text(child) for child in node.nodes):
            return True
        if isinstance(node, nodes.If) and node.else_:
            branches = (branch.body for branch in node.elif_)
            if all(_always_has_text(part) for part in (node.body, *branches, node.else_)):
                return True
    return False


def _is_text(node: nodes.Expr) -> bool:
    return not isinstance(node, nodes.TemplateData) or bool(node.data.strip())


@lru_cache(maxsize=512)
def _compiled(source: str) -> Template:
    return _environment.from_string(source)


def _parse(source: str) -> nodes.Template:
    try:
        return _environment.parse(source)
    except TemplateSyntaxError as error:
        raise TemplateFault(error.lineno, error.message or "This cannot be read.") from error
    except RecursionError as error:
        raise TemplateFault(1, "This is nested too deeply.") from error


def _walk(node: nodes.Node, available: set[str], depth: int) -> None:
    """`available` are the optional names that are certain to be set here."""
    if depth > _DEEPEST:
        raise TemplateFault(node.lineno, "This is nested too deeply.")
    if isinstance(node, nodes.If):
        _walk_if(node, available, depth)
        return
    if isinstance(node, nodes.Test):
        _check_test(node)
        return
    if isinstance(node, nodes.Output):
        _check_output(node)
    elif isinstance(node, nodes.Const):
        _check_constant(node)
    elif isinstance(node, nodes.Name):
        _check_name(node, available)
    elif isinstance(node, nodes.Compare):
        _check_comparison(node)
    elif not isinstance(node, _ALLOWED):
        raise TemplateFault(node.lineno, _refusal(node))
    for child in node.iter_child_nodes():
        _walk(child, available, depth + 1)


_ALLOWED = (
    nodes.Template,
    nodes.TemplateData,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
)


def _walk_if(node: nodes.If, available: set[str], depth: int) -> None:
    _walk(node.test, available, depth + 1)
    in_branch = available | ({EARLIER} if _tests_earlier(node.test) else set())
    for child in node.body:
        _walk(child, in_branch, depth + 1)
    for child in (*node.elif_, *node.else_):
        _walk(child, available, depth + 1)


def _tests_earlier(test: nodes.Node) -> bool:
    """True if the whole condition is '... is defined', which makes the name certain."""
    return isinstance(test, nodes.Test)


def _check_output(node: nodes.Output) -> None:
    """Allows text and names only: a quoted text could contain escaped control characters."""
    for child in node.nodes:
        if not isinstance(child, nodes.TemplateData | nodes.Name):
            raise TemplateFault(child.lineno, _refusal(child))


def _check_constant(node: nodes.Const) -> None:
    """Python cannot print a number of more than 4,300 digits."""
    value = node.value
    if isinstance(value, int) and abs(value) > _LARGEST:
        raise TemplateFault(node.lineno, f"Numbers go up to {_LARGEST}.")


def _check_test(node: nodes.Test) -> None:
    is_ours = isinstance(node.node, nodes.Name) and node.node.name == EARLIER
    if node.name != "defined" or not is_ours or node.args or node.kwargs:
        message = f"The only test that can be used is '{EARLIER} is defined'."
        raise TemplateFault(node.lineno, message)


def _check_name(node: nodes.Name, available: set[str]) -> None:
    if node.name not in NAMES:
        message = f"There is no name '{node.name}'. Use one of {', '.join(sorted(NAMES))}."
        raise TemplateFault(node.lineno, message)
    if node.name == EARLIER and EARLIER not in available:
        message = (
            f"Not every member has '{EARLIER}': put it between '{{% if {EARLIER} is defined %}}' "
            "and '{% endif %}', or give the variant the condition 'signed_earlier'."
        )
        raise TemplateFault(node.lineno, message)


def _check_comparison(node: nodes.Compare) -> None:
    sides = [node.expr, *(operand.expr for operand in node.ops)]
    for operand in node.ops:
        if operand.op in _ORDERINGS and all(_is_number(side) for side in sides):
            continue
        if operand.op not in ("eq", "ne"):
            message = "Compare texts with == and != only, and numbers with numbers."
            raise TemplateFault(node.lineno, message)


def _is_number(node: nodes.Expr) -> bool:
    if isinstance(node, nodes.Name):
        return node.name in NUMBERS
    return isinstance(node, nodes.Const) and isinstance(node.value, int)


def _refusal(node: nodes.Node) -> str:
    kind = {
        nodes.For: "Loops",
        nodes.Getattr: "Parts of names, after a point,",
        nodes.Getitem: "Parts of names, in brackets,",
        nodes.Call: "Calls",
        nodes.Filter: "Filters",
    }.get(type(node), "This kind of statement")
    return f"{kind} cannot be used here, only names and 'if'."
