import pytest
from acme_rules import pack

from convlint.testing import check_rule


@pytest.mark.parametrize("rule", pack())
def test_the_examples_are_what_they_say(rule):
    check_rule(rule)
