"""The routes below /account: pages of the patient's own, with the browser's cookie as session."""

from __future__ import annotations

from dmp.edge.account_desk import ACCOUNT, EXPORT, JOURNAL, PREFERENCES, SIGN_IN, SIGN_OUT
from dmp.edge.account_export import ExportPages
from dmp.edge.account_journal import JournalPages
from dmp.edge.account_preferences import PreferencePages
from dmp.edge.account_sign_in import SignInPages
from dmp.edge.http import FORM, Answer, Request
from dmp.edge.pages import Kit, PageApi
from dmp.edge.policy_page import POLICY, serve_policy


def account_api(
    kit: Kit,
    sign_in: SignInPages,
    journal: JournalPages,
    export: ExportPages,
    preferences: PreferencePages,
) -> PageApi:
    """The API."""
    api = PageApi("account", kit, kit.link(JOURNAL))

    @api.route(ACCOUNT, ["GET"])
    def first(request: Request) -> Answer:
        """The journal is the first page."""
        return kit.redirect(kit.link(JOURNAL), kit.reader(request).cookies)

    @api.route(POLICY, ["GET"])
    def policy(request: Request) -> Answer:
        """Who may see a record: the rules, for everybody."""
        return serve_policy(kit, request)

    api.route(SIGN_IN, ["GET"])(sign_in.show)
    api.route(SIGN_IN, ["POST"], (FORM,))(sign_in.act)
    api.route(SIGN_OUT, ["POST"], (FORM,))(sign_in.leave)
    api.route(JOURNAL, ["GET"])(journal.listed)
    api.route(f"{JOURNAL}/{{id}}", ["GET"])(journal.shown)
    api.route(f"{JOURNAL}/{{id}}", ["POST"], (FORM,))(journal.dispute)
    api.route(f"{JOURNAL}/{{id}}/{{part}}", ["GET"])(journal.file)
    api.route(EXPORT, ["GET"])(export.shown)
    api.route(EXPORT, ["POST"], (FORM,))(export.file)
    api.route(PREFERENCES, ["GET"])(preferences.shown)
    api.route(PREFERENCES, ["POST"], (FORM,))(preferences.act)
    return api
