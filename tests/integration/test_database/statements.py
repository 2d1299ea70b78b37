"""Every statement that a route sends, with the indexes that serve it."""

from collections.abc import Mapping

HERE = "tests/integration/test_database/statements.py"

TASK_READ = "select tasks: tasks_pkey"
TASK_WRITTEN = "update tasks, update revisions: revisions_pkey, tasks_pkey"
TREE_WRITTEN = "update tasks, update revisions: revisions_pkey, tasks_pkey, tasks_user_id_parent_id_idx"
ZONE = "select users: users_pkey"
"""Of the viewer, by which a trigger tells when a task is overdue."""

PROJECT_READ = "select projects: projects_pkey"
PROJECT_LOCKED = "lock revisions, lock projects: projects_pkey, revisions_pkey"
PROJECT_TRASHED = (
    "update revisions, update projects, update tasks: "
    "projects_pkey, projects_user_id_parent_id_position_key, revisions_pkey, tasks_place_key"
)
TREE_MOVED = "update revisions, update tasks: revisions_pkey, tasks_pkey, tasks_user_id_parent_id_idx"
PROJECT_WRITTEN = "update projects, update revisions: projects_pkey, revisions_pkey"
FILTER_READ = "select filters: filters_pkey"
FILTER_WRITTEN = "update filters, update revisions: filters_pkey, revisions_pkey"
COUNTING = (
    "select users, select tasks, select task_occurrences:"
    " task_occurrences_completed_idx, tasks_statistics_idx, tasks_trash_idx, users_pkey"
)
LABEL_READ = "select labels: labels_pkey"
LABEL_WRITTEN = "update labels, update revisions: labels_pkey, revisions_pkey"
LABEL_LOCKED = "lock revisions, lock labels: labels_pkey, revisions_pkey"
LABEL_IN_TASKS = (
    "update revisions, update labels, update tasks: labels_pkey, revisions_pkey, tasks_search_idx, tasks_trash_idx"
)
LOCKED = "lock revisions: revisions_pkey"

AUDITED = {"insert audit_log", "lock users: users_pkey"}
AUDITED_AT_ONCE = {"insert audit_log: users_pkey", "lock users: users_pkey"}
"""Of refusals, and what goes by the fast lane: the statement looks for the user, who may have gone."""
SESSION_ENDED = {
    "lock sessions: sessions_pkey",
    "update sessions: sessions_pkey",
    "insert revocations",
    *AUDITED,
}

EXPORTS = {"export_tasks", "export_me"}
"""Operations that read all tasks, one after another, whatever is completed: of one user that is enough."""

WHOLE = {"read_feed", "list_tree", "get_statistics", *EXPORTS}
"""Operations that read all that there is, of somebody or below a task, or count it."""

LEAVING = {"delete_me"}
"""Operations that would leave nobody to ask again. What goes with a user is looked at apart."""
TOKEN_FOUND = "lock one_time_tokens, lock users: one_time_tokens_token_hash_key, users_pkey"
LINKS_WITHDRAWN = {"delete mails: mails_waiting_key", "delete one_time_tokens: one_time_tokens_pkey"}
PASSWORD_SET = {
    "update users: users_pkey",
    *LINKS_WITHDRAWN,
    "update sessions, delete access_tokens, delete feeds: access_tokens_listing_idx, feeds_listing_idx, identities_pkey, sessions_listing_idx",
    "insert revocations",
    "insert mails",
    *AUDITED,
}

BESIDES = {
    "select revocations: revocations_revoked_at_idx",
    "delete revocations: revocations_revoked_at_idx",
    "select alembic_version",
    "update access_tokens: access_tokens_token_hash_key",
}
"""What is asked every two seconds, whoever makes a request then, and removed now and then; what health asks once a
second at most; and what is asked of a personal token that was not seen lately."""

COUNTED = "insert rate_limits, delete rate_limits: rate_limits_expires_at_idx, rate_limits_pkey"
MAILING = {
    "update mails: mails_next_attempt_at_idx, mails_pkey",
    "lock mails: mails_pkey",
    "select users: users_lower_email_key",
    "select one_time_tokens: one_time_tokens_pkey",
    "insert one_time_tokens",
    "delete mails: mails_pkey",
    "select mails: mails_next_attempt_at_idx",
    *AUDITED,
}
"""What the sender of mail asks for a link to reset a password, outside of any request."""

ELSEWHERE = {
    "update tasks, update revisions: revisions_pkey, tasks_due_idx, tasks_trash_idx",
    "lock revisions: revisions_pkey",
    ZONE,
}
"""What a profile's new time zone does to all that is due in it."""

MAINTAINING = {
    "delete task_occurrences: task_occurrences_pkey, task_occurrences_trash_idx",
    "delete tasks: tasks_pkey, tasks_trash_idx",
    "delete projects: projects_pkey, projects_trash_idx",
    "delete labels: labels_pkey, labels_trash_idx",
    "delete filters: filters_pkey, filters_trash_idx",
    "delete sessions: sessions_pkey",
    "delete one_time_tokens: one_time_tokens_pkey",
    "delete task_occurrences: task_occurrences_user_id_task_id_idx",
    "update tasks: tasks_place_key",
    "update tasks: tasks_user_id_parent_id_idx",
    "update projects: projects_user_id_parent_id_position_key",
}
"""What maintenance asks, table by table, and what goes with a task or loses it."""

TASK_CHANGED = {
    "lock projects: projects_pkey",
    "lock revisions, lock tasks: revisions_pkey, tasks_pkey",
    "lock revisions: revisions_pkey",
    "lock tasks: tasks_pkey",
    "lock users: users_pkey",
    "select tasks, select projects: projects_pkey, tasks_place_key",
    "lock revisions, lock tasks, lock users: revisions_pkey, tasks_pkey, users_pkey",
    "select tasks: tasks_pkey",
    "select tasks: tasks_pkey, tasks_user_id_parent_id_idx",
    "select users: users_pkey",
    "update revisions, insert labels: labels_user_id_lower_name_key, revisions_pkey",
    "update revisions, update tasks, insert task_occurrences: revisions_pkey, tasks_pkey, tasks_user_id_parent_id_idx",
    "update revisions, update tasks: revisions_pkey, tasks_pkey",
    "update revisions, update tasks: revisions_pkey, tasks_pkey, tasks_user_id_parent_id_idx",
    "update tasks, update revisions: revisions_pkey, tasks_pkey",
}

STATEMENTS: Mapping[str, set[str]] = {
    "list_tasks": {
        "select tasks: tasks_listing_idx",
        "select tasks: tasks_completed_idx",
        "select tasks: tasks_due_idx",
        "select tasks: tasks_open_due_idx",
        "select tasks: tasks_place_key",
        "select tasks: tasks_position_idx",
        "select tasks: tasks_priority_idx",
        "select tasks: tasks_search_idx",
        "select tasks: tasks_title_idx",
        "select tasks: tasks_updated_idx",
        "select tasks: tasks_user_id_parent_id_idx",
        "select tasks, select labels: labels_user_id_lower_name_key, tasks_search_idx",
        "select users, select filters: filters_pkey, users_pkey",
        "select users: users_pkey",
    },
    "get_task": {TASK_READ},
    "create_task": {
        "insert tasks, update revisions: projects_pkey, revisions_pkey, tasks_pkey",
        "insert tasks, update revisions: revisions_pkey, tasks_pkey",
        "lock revisions: revisions_pkey",
        "lock tasks, lock revisions: revisions_pkey, tasks_pkey",
        "lock tasks: tasks_pkey",
        "lock users: users_pkey",
        ZONE,
        "select tasks, select projects: projects_pkey, tasks_pkey",
        "select tasks: tasks_pkey",
        "update revisions, insert labels: labels_user_id_lower_name_key, revisions_pkey",
    },
    "quick_add": {
        "insert tasks, update revisions: revisions_pkey, tasks_pkey",
        "lock projects, lock tasks, lock users, lock revisions: projects_name_idx, revisions_pkey, tasks_pkey, users_pkey",
        "lock revisions: revisions_pkey",
        "lock users: users_pkey",
        "select tasks: tasks_pkey",
        "select users: users_pkey",
        "update revisions, insert labels: labels_user_id_lower_name_key, revisions_pkey",
    },
    "put_task": TASK_CHANGED,
    "update_task": TASK_CHANGED,
    "complete_task": {
        "lock revisions, lock tasks, lock users: revisions_pkey, tasks_pkey, users_pkey",
        "select tasks: tasks_pkey",
        "update revisions, update tasks: revisions_pkey, tasks_pkey, tasks_user_id_parent_id_idx",
        "update tasks, update revisions: revisions_pkey, tasks_pkey",
    },
    "delete_task": {
        "lock revisions, lock tasks: revisions_pkey, tasks_pkey",
        "select tasks: tasks_pkey",
        "update revisions, update tasks: revisions_pkey, tasks_pkey, tasks_user_id_parent_id_idx",
    },
    "move_task": {
        "lock projects: projects_pkey",
        "lock revisions, lock tasks: revisions_pkey, tasks_pkey",
        "lock tasks: tasks_pkey",
        "select tasks, select projects: projects_pkey, tasks_place_key",
        "select tasks: tasks_pkey, tasks_place_key",
        "select tasks: tasks_pkey, tasks_user_id_parent_id_idx",
        "select tasks: tasks_place_key",
        "update revisions, update tasks: revisions_pkey, tasks_pkey",
        TREE_MOVED,
        TASK_READ,
    },
    "list_projects": {
        "select projects: projects_archived_idx",
        "select projects: projects_archived_position_idx",
        "select projects: projects_listing_idx",
        "select projects: projects_position_idx",
    },
    "get_project": {PROJECT_READ},
    "create_project": {
        "insert projects, update revisions: projects_pkey, revisions_pkey",
        "lock projects: projects_pkey",
        LOCKED,
        PROJECT_READ,
    },
    "put_project": {PROJECT_WRITTEN, PROJECT_READ},
    "update_project": {PROJECT_WRITTEN, PROJECT_READ},
    "move_project": {
        "lock projects: projects_pkey",
        PROJECT_LOCKED,
        "select projects: projects_pkey, projects_user_id_parent_id_position_key",
        "select projects: projects_user_id_parent_id_position_key",
        "update revisions, update projects: projects_pkey, revisions_pkey",
        PROJECT_READ,
    },
    "delete_project": {
        PROJECT_LOCKED,
        PROJECT_TRASHED,
        PROJECT_READ,
    },
    "list_filters": {"select filters: filters_listing_idx", "select filters: filters_position_idx"},
    "get_filter": {FILTER_READ},
    "create_filter": {"insert filters, update revisions: filters_pkey, revisions_pkey", LOCKED},
    "put_filter": {FILTER_WRITTEN, FILTER_READ},
    "update_filter": {FILTER_WRITTEN, FILTER_READ},
    "move_filter": {
        "lock revisions, lock filters: filters_pkey, revisions_pkey",
        "select filters: filters_pkey",
        "select filters: filters_pkey, filters_user_id_position_key",
        "select filters: filters_user_id_position_key",
        "update revisions, update filters: filters_pkey, revisions_pkey",
    },
    "delete_filter": {FILTER_WRITTEN, FILTER_READ},
    "list_feeds": {"select feeds: feeds_listing_idx"},
    "create_feed": {
        "lock feeds, lock users: feeds_listing_idx, users_pkey",
        "select revocations: revocations_pkey",
        "insert feeds",
        *AUDITED,
    },
    "delete_feed": {"delete feeds: feeds_pkey", *AUDITED},
    "read_feed": {
        "select feeds, select users, select revisions: feeds_secret_hash_key, revisions_pkey, users_pkey",
        "select tasks: tasks_statistics_idx",
    },
    "get_statistics": {COUNTING},
    "list_labels": {"select labels: labels_listing_idx", "select labels: labels_position_idx"},
    "get_label": {LABEL_READ},
    "create_label": {"insert labels, update revisions: labels_pkey, revisions_pkey", LOCKED},
    "put_label": {LABEL_WRITTEN, LABEL_LOCKED, LABEL_IN_TASKS, LABEL_READ},
    "update_label": {LABEL_WRITTEN, LABEL_LOCKED, LABEL_IN_TASKS, LABEL_READ},
    "move_label": {
        "lock revisions, lock labels: labels_pkey, revisions_pkey",
        "select labels: labels_pkey",
        "select labels: labels_pkey, labels_user_id_position_key",
        "select labels: labels_user_id_position_key",
        "update revisions, update labels: labels_pkey, revisions_pkey",
    },
    "merge_label": {LABEL_LOCKED, LABEL_IN_TASKS, LABEL_READ},
    "delete_label": {LABEL_LOCKED, LABEL_IN_TASKS, LABEL_READ},
    "list_tree": {"select tasks: tasks_pkey, tasks_user_id_parent_id_idx", TASK_READ},
    "get_me": {"select users: users_pkey"},
    "delete_me": {
        COUNTED,
        "select users: users_pkey",
        *AUDITED_AT_ONCE,
    },
    "export_me": {
        *AUDITED_AT_ONCE,
        "select access_tokens: access_tokens_pkey",
        "select audit_log: audit_log_pkey",
        "select identities: identities_pkey",
        "select mails: mails_waiting_key",
        "select one_time_tokens: one_time_tokens_pkey",
        "select feeds: feeds_pkey",
        "select filters: filters_pkey",
        "select labels: labels_pkey",
        "select projects: projects_pkey",
        "select revisions: revisions_pkey",
        "select sessions: sessions_pkey",
        "select task_occurrences: task_occurrences_pkey",
        "select tasks: tasks_pkey",
        "select users: users_pkey",
    },
    "export_tasks": {
        *AUDITED_AT_ONCE,
        "select filters: filters_pkey",
        "select labels: labels_pkey",
        "select projects: projects_pkey",
        "select task_occurrences: task_occurrences_pkey",
        "select tasks: tasks_pkey",
    },
    "import_tasks": {
        *AUDITED_AT_ONCE,
        "insert filters, update revisions: revisions_pkey",
        "insert labels, update revisions: revisions_pkey",
        "insert projects, update revisions: revisions_pkey",
        "insert task_occurrences, update revisions: revisions_pkey",
        "insert tasks, update revisions: revisions_pkey",
        "lock projects: projects_pkey",
        "lock revisions: revisions_pkey",
        "lock tasks: tasks_pkey",
        "select filters: filters_pkey",
        "select labels: labels_pkey",
        "select labels: labels_user_id_lower_name_key",
        "select projects: projects_name_idx",
        "select projects: projects_pkey",
        "select task_occurrences: task_occurrences_pkey",
        "select tasks: tasks_pkey",
        "select users: users_pkey",
        "lock users: users_pkey",
        "update revisions, insert labels: labels_user_id_lower_name_key, revisions_pkey",
    },
    "update_me": {"lock users: users_pkey", "update users: users_pkey", "select users: users_pkey"},
    "register_user": {COUNTED, "insert users", "insert revisions", "insert sessions", "insert mails", *AUDITED},
    "login": {
        COUNTED,
        "select users: users_lower_email_key",
        "insert sessions",
        *AUDITED_AT_ONCE,
        *AUDITED,
    },
    "issue_token": {
        COUNTED,
        "lock sessions: sessions_pkey",
        "update sessions: sessions_pkey",
        "select users: users_lower_email_key",
        "insert sessions",
        *AUDITED,
    },
    "logout": {*SESSION_ENDED},
    "list_sessions": {"select sessions: sessions_listing_idx"},
    "end_other_sessions": {"update sessions: sessions_listing_idx"},
    "end_session": {*SESSION_ENDED},
    "forgot_password": {COUNTED, "insert mails"},
    "reset_password": {COUNTED, TOKEN_FOUND, *PASSWORD_SET},
    "change_password": {COUNTED, "select users: users_pkey", *PASSWORD_SET, *AUDITED_AT_ONCE},
    "verify_email": {
        TOKEN_FOUND,
        "delete one_time_tokens: one_time_tokens_token_hash_key",
        "update users: users_pkey",
        *LINKS_WITHDRAWN,
        "insert mails",
        *AUDITED,
    },
    "resend_verification": {COUNTED, "insert mails"},
    "change_email": {
        COUNTED,
        "select users: users_pkey",
        "delete mails: mails_waiting_key",
        "insert mails",
        *AUDITED,
        *AUDITED_AT_ONCE,
    },
    "list_audit": {"select audit_log: audit_log_listing_idx"},
    "list_access_tokens": {"select access_tokens: access_tokens_listing_idx"},
    "create_access_token": {
        "lock users: users_pkey",
        "select revocations: revocations_pkey",
        "delete access_tokens: access_tokens_listing_idx",
        "insert access_tokens",
        *AUDITED,
    },
    "delete_access_token": {"delete access_tokens: access_tokens_pkey", "insert revocations", *AUDITED},
    "list_trash": {
        "select tasks, select projects: projects_trash_idx, tasks_trash_idx",
    },
    "undo_occurrence": {
        "lock revisions, lock tasks, lock users: revisions_pkey, tasks_pkey, users_pkey",
        "select users: users_pkey",
        "update revisions, update tasks, update task_occurrences: revisions_pkey, task_occurrences_pkey, task_occurrences_user_id_task_id_idx, tasks_pkey, tasks_user_id_parent_id_idx",
    },
    "purge": {
        *AUDITED_AT_ONCE,
        LOCKED,
        "delete task_occurrences: task_occurrences_user_id_task_id_idx",
        "update revisions, delete tasks, delete projects: projects_trash_idx, revisions_pkey, tasks_trash_idx",
        "update tasks: tasks_user_id_parent_id_idx",
    },
    "skip_occurrence": {
        "lock revisions, lock tasks, lock users: revisions_pkey, tasks_pkey, users_pkey",
        "select users: users_pkey",
        "update tasks, update revisions: revisions_pkey, tasks_pkey",
    },
    "restore": {
        LOCKED,
        "update revisions, update tasks, update projects: projects_pkey, projects_trash_idx, revisions_pkey, tasks_pkey, tasks_trash_idx",
    },
    "list_occurrences": {
        "select task_occurrences: task_occurrences_listing_idx",
        "select tasks: tasks_pkey",
    },
}
"""What the route of a name does to which tables, and the indexes that lead to their rows; foreign keys' checks too."""
