"""From the claims of a good token to a user of this server. Pure.

Of the rules that fit, the first gives the role and the rights; those that give the same add their namespaces.
So nobody has in one namespace a right that was given for another.
"""

from typing import Any, Final

from kohakuriver import errors
from kohakuriver.apiserver.identity.identity import Role, User
from kohakuriver.apiserver.oidc.configuration import Authenticator, RoleRule
from kohakuriver.apiserver.oidc.verification import Claims, refused

LONGEST: Final = 253  # characters of a user's name


def user_of(claims: Claims, rules: Authenticator) -> User:
    """Whom the claims name. Raises Unauthorized for nobody, and Forbidden for who has no rule."""
    for required in rules.claimValidationRules:
        if claims.get(required.claim) != required.requiredValue:
            raise refused(f'its claim "{required.claim}" is not "{required.requiredValue}"')
    name = _name(claims, rules)
    fitting = [rule for rule in rules.roles if _fits(claims, rule)]
    if not fitting:
        raise errors.Forbidden(
            f'user "{name}" has logged in, and no rule of this server gives them a role',
            hint="ask your administrator to add a rule to the roles of --authentication-config",
        )
    first = fitting[0]
    alike = [rule for rule in fitting if (rule.role, set(rule.rights)) == (first.role, set(first.rights))]
    everywhere = not all(rule.namespaces for rule in alike)  # a viewer whom one rule does not narrow
    namespaces = () if everywhere else tuple(dict.fromkeys(one for rule in alike for one in rule.namespaces))
    return User(name, Role(first.role), namespaces=namespaces, rights=tuple(first.rights))


def _name(claims: Claims, rules: Authenticator) -> str:
    mapping = rules.claimMappings.username
    said = claims.get(mapping.claim)
    if not isinstance(said, str) or not said.strip() or not said.isprintable():
        raise refused(f'its claim "{mapping.claim}" names no user')
    if mapping.claim == "email" and claims.get("email_verified", True) is not True:
        raise refused("its issuer has not verified the email address")
    name = mapping.prefix + said
    if len(name) > LONGEST:
        raise refused(f"the name of its user is longer than {LONGEST} characters")
    return name


def _fits(claims: Claims, rule: RoleRule) -> bool:
    said: Any = claims.get(rule.claim)
    return said == rule.value if isinstance(said, str) else isinstance(said, list) and rule.value in said
