"""The API's table: a row for each thing that can be asked or done, in the order of docs/API.md."""

from __future__ import annotations

from typing import Any

from isthmus.errors import IsthmusError
from isthmus_web.api.route import GET, POST, Route


def _of(*names: str) -> Any:  # noqa: ANN401 - a function, as Route.pick
    """These fields of the answer alone."""
    return lambda answer, _own: {name: answer[name] for name in names}


def _sections(answer: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Those of one type."""
    from isthmus_web.pages.settings import KINDS

    if own["type"] not in KINDS:
        raise IsthmusError("there is no section type of that name", f"there are: {', '.join(KINDS)}", "unknown-type")
    return {
        **answer, "sections": [row for row in answer["sections"] if row["type"] == own["type"]],
        "gone": [row for row in answer["gone"] if row["type"] == own["type"]],
    }  # fmt: skip


ROUTES = (
    # --- session ------------------------------------------------------------------------------------------------------
    Route(GET, "/hello", "hello", "hello", "Hello", "Whether the first password is still to be set."),
    Route(POST, "/first-password", "first_password", "first-password", "User",
          "With root's code (`isthmus user code`): make the first user, who administers.",
          takes="code user password"),
    Route(POST, "/login", "login", "login", "Login",
          "Begin a session. `mark`, kept from a former login, gets past the queue of strangers.",
          takes="user password mark?"),
    Route(GET, "/session", "session", "session", "Session", "Whose session this is, and for how long."),
    Route(POST, "/proof", "proof", "step-up", "Proof",
          "Prove the password once more: for 3 minutes the session may do what takes a fresh one, under a new token.",
          takes="password"),
    Route(POST, "/logout", "logout", "logout", "Nothing", "End this session."),
    # --- account ------------------------------------------------------------------------------------------------------
    Route(GET, "/sessions", "sessions", "sessions", "Sessions", "One's own sessions; whoever administers sees all."),
    Route(POST, "/sessions/{session}/end", "end_session", "session-end", "Ended", "End one of them."),
    Route(POST, "/password", "change_password", "password", "Password",
          "Change one's own password: one's other sessions end, this one goes on under a new token.",
          takes="password"),
    Route(GET, "/users", "users", "user-list", "Users", "All users."),
    Route(POST, "/users", "add_user", "user-add", "User", "A new user.", takes="user role password"),
    Route(POST, "/users/{user}/password", "set_password", "user-passwd", "User", "Another password for a user.",
          takes="password"),
    Route(POST, "/users/{user}/role", "set_role", "user-role", "User", "Another role for a user.", takes="role"),
    Route(POST, "/users/{user}/delete", "delete_user", "user-delete", "Deleted", "No such user any more."),
    # --- status and tunnels -------------------------------------------------------------------------------------------
    Route(GET, "/status", "status", "status", "Status",
          "How everything is: tunnels with their lamps, rules, guard, configuration, the change on trial."),
    Route(GET, "/tunnels", "tunnels", "status", "Tunnels", "Every tunnel with its five lamps.", pick=_of("tunnels")),
    Route(GET, "/tunnels/{tunnel}", "tunnel", "show", "TunnelDetail",
          "Everything known of one tunnel, without secrets."),
    Route(GET, "/tunnels/{tunnel}/history", "history", "history", "History",
          "What it has carried and lost, in steps of time.", takes="span?"),
    Route(POST, "/tunnels/{tunnel}/up", "up", "up", "TunnelState", "Start a tunnel that was taken down."),
    Route(POST, "/tunnels/{tunnel}/down", "down", "down", "TunnelState", "Take it down; its guard stays."),
    Route(POST, "/tunnels/{tunnel}/rekey", "rekey", "rekey", "TunnelState",
          "New keys now, without losing a packet.", takes="ike?"),
    Route(POST, "/tunnels/{tunnel}/rotate", "rotate", "pair-rotate", "TunnelName", "Renew what pairing has agreed."),
    Route(POST, "/tunnels/{tunnel}/unpair", "unpair", "unpair", "Unpaired",
          "Remove a paired tunnel with its keys and aliases; says who is exposed by it.", takes="force?"),
    # --- policy -------------------------------------------------------------------------------------------------------
    Route(GET, "/policy", "policy", "policy", "Policy", "Forced rules, passthrough and aliases: what passes, and why."),
    Route(GET, "/policy/forced", "forced", "policy", "Forced", "Forced rules alone.", pick=_of("rules")),
    Route(GET, "/policy/passthrough", "passthrough", "policy", "Passthrough",
          "VPN programs of devices alone: what passes, who uses it.", pick=_of("passthrough")),
    Route(GET, "/policy/explain", "explain", "policy-explain", "Explanation",
          "What happens to one packet, step by step.", takes="source destination port?"),
    Route(GET, "/policy/test", "test_seen", "policy-test", "SelfTest", "How far the test is, and what it has shown.",
          fixed={"look": True}),
    Route(POST, "/policy/test", "test", "policy-test", "SelfTest",
          "Send probes as forced hosts would, and watch where they leave.", takes="rule?"),
    Route(GET, "/hosts", "hosts", "hosts", "Hosts", "Who was lately there on this site's own networks."),
    # --- configuration ------------------------------------------------------------------------------------------------
    Route(GET, "/config", "config", "config-get", "Config", "The configuration with what is staged; keys are `true`."),
    Route(GET, "/config/sections/{type}", "sections", "config-get", "Config", "The same, sections of one type.",
          own="type", pick=_sections),
    Route(GET, "/config/types/{type}", "section_type", "config-rows", "SectionType",
          "What a section of this type may say."),
    Route(POST, "/config/stage", "stage", "config-stage", "Staged",
          "Stage these changes, all or none. Nothing takes effect before /change/apply.", takes="mark changes"),
    Route(POST, "/config/drop", "drop", "config-revert", "Dropped", "Drop all that is staged.", takes="mark"),
    # --- a change on trial --------------------------------------------------------------------------------------------
    Route(GET, "/change/staged", "look", "apply-look", "Look", "What is staged, and what it would mean, in words."),
    Route(POST, "/change/apply", "apply", "apply", "Trial",
          "Put what was shown in force, and undo it after so many seconds unless it is confirmed.",
          takes="mark seconds?"),
    Route(GET, "/change", "trial", "apply-status", "Trial", "The change on trial, its probes, the time that is left."),
    Route(POST, "/change/confirm", "confirm", "confirm", "Trial", "The change on trial stays.",
          takes="mark anyway?"),
    Route(POST, "/change/revert", "revert", "revert", "Trial", "Undo the change on trial now.",
          takes="mark over?"),
    # --- pairing ------------------------------------------------------------------------------------------------------
    Route(GET, "/pairing", "pairings", "pair-status", "Pairings",
          "Pairings under way: both sites, the words, what would change; the last results."),
    Route(POST, "/pairing/invite", "invite", "pair-invite", "Invite", "An invite for another site.", takes="at?"),
    Route(POST, "/pairing/accept", "accept", "pair-accept", "Accepted", "Enter another site's invite.",
          takes="invite"),
    Route(POST, "/pairing/{pairing}/approve", "approve", "pair-approve", "Approved", "Both screens show these words.",
          takes="words name?"),
    Route(POST, "/pairing/{pairing}/cancel", "cancel", "pair-cancel", "Cancelled", "End a pairing that is under way."),
    # --- the router ---------------------------------------------------------------------------------------------------
    Route(GET, "/doctor", "doctor", "doctor", "Doctor", "What is wrong, and what to do about it.", takes="tunnel?"),
    Route(GET, "/log", "log", "log", "Log", "What was logged lately.", takes="tunnel? count? after?"),
    Route(GET, "/diag", "diag", "diag", "Diagnosis", "A text without secrets for whoever helps."),
    Route(POST, "/backup", "backup", "backup", "Backup",
          "Configuration, keys and users as one file, encrypted under this passphrase.", takes="passphrase"),
    Route(POST, "/restore", "restore", "restore", "Restorable", "Open a backup, and say what restoring it means.",
          takes="file passphrase", fixed={"look": True}),
    Route(POST, "/restore/apply", "put_back", "restore", "Trial",
          "Put what was shown in force, on trial as any change.", takes="mark seconds?"),
)  # fmt: skip
