"""What the database itself holds true, whoever writes: ranges inside their parents, counts of a
run, changes of an agent's state, and ids that grow in the order of the commits.
"""

from django.db import migrations

from monitor.records.database import LIVE_CHANNEL

# A reader that has seen id N has seen every smaller one: inserts into these tables wait for each
# other's commit. Ids are taken after the lock.
ORDERED = {
    "swf_workflow_messages": "message",
    "swf_agent_state_changes": "agent",
    "swf_applog": "log",
}

ORDER = f"""
CREATE FUNCTION swf_take_turns() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('{LIVE_CHANNEL}'), hashtext(TG_ARGV[0]));
    RETURN NULL;
END $$;

CREATE FUNCTION swf_announce() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('{LIVE_CHANNEL}', TG_ARGV[0]);
    RETURN NULL;
END $$;
""" + "".join(
    f"""
CREATE TRIGGER take_turns BEFORE INSERT ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION swf_take_turns('{kind}');
CREATE TRIGGER announce AFTER INSERT ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION swf_announce('{kind}');
"""
    for table, kind in ORDERED.items()
)

# The turn is taken before the first agent's row is locked, so that two writers of agents cannot
# wait for each other.
AGENTS = """
ALTER TABLE swf_systemagent SET (fillfactor = 50);

CREATE FUNCTION swf_note_agent_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO swf_agent_state_changes (agent_id, instance_name, program, namespace,
        execution_id, run_id, operational_state, status, description, changed_at)
    VALUES (NEW.id, NEW.instance_name, NEW.program, NEW.namespace,
        left(NEW.metadata ->> 'execution_id', 100), left(NEW.metadata ->> 'run_id', 50),
        NEW.operational_state, NEW.status, NEW.description, now());
    RETURN NULL;
END $$;

CREATE TRIGGER take_turns BEFORE INSERT OR UPDATE ON swf_systemagent
    FOR EACH STATEMENT EXECUTE FUNCTION swf_take_turns('agent');
CREATE TRIGGER note_first_state AFTER INSERT ON swf_systemagent
    FOR EACH ROW EXECUTE FUNCTION swf_note_agent_change();
CREATE TRIGGER note_change AFTER UPDATE ON swf_systemagent FOR EACH ROW
    WHEN ((OLD.operational_state, OLD.status) IS DISTINCT FROM (NEW.operational_state, NEW.status))
    EXECUTE FUNCTION swf_note_agent_change();
"""


def inside(table, columns, parent_key, condition, constraint, text):
    """A trigger that refuses a row of `table` for which `condition` holds with its parent `p`."""
    return f"""
CREATE FUNCTION {constraint}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM {parent_key} AND {condition}) THEN
        RAISE EXCEPTION '{text}' USING ERRCODE = 'check_violation',
            CONSTRAINT = '{constraint}', TABLE = '{table}';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER {constraint} BEFORE INSERT OR UPDATE OF {columns} ON {table}
    FOR EACH ROW EXECUTE FUNCTION {constraint}();
"""


RANGES = (
    inside(
        "swf_fastmon_files",
        "tf_first, tf_last, stf_file_id",
        "swf_stf_files p WHERE p.file_id = NEW.stf_file_id",
        "NEW.tf_last >= p.tf_count",
        "sample_inside_its_stf",
        "The range of time frames is not inside the one of the STF file.",
    )
    + inside(
        "swf_tf_slices",
        "tf_first, tf_last, fastmon_file_id",
        "swf_fastmon_files p WHERE p.tf_file_id = NEW.fastmon_file_id",
        "(NEW.tf_first < p.tf_first OR NEW.tf_last > p.tf_last)",
        "slice_inside_its_sample",
        "The range of time frames is not inside the one of the TF file.",
    )
    + inside(
        "swf_stf_files",
        "tf_count",
        "swf_fastmon_files c WHERE c.stf_file_id = NEW.file_id",
        "c.tf_last >= NEW.tf_count",
        "stf_around_its_samples",
        "The STF file has TF files beyond that number of time frames.",
    )
    + inside(
        "swf_fastmon_files",
        "tf_first, tf_last",
        "swf_tf_slices c WHERE c.fastmon_file_id = NEW.tf_file_id",
        "(c.tf_first < NEW.tf_first OR c.tf_last > NEW.tf_last)",
        "sample_around_its_slices",
        "The TF file has slices beyond that range of time frames.",
    )
)

# Each count of a run's state: by which rows of which table it goes up and down. `rows` stands for
# the rows that a statement added or took away.
COUNTS = {
    "swf_tf_slices": (
        "rows",
        "rows.run_number",
        {
            "slices_created": "true",
            "slices_queued": "rows.status = 'queued'",
            "slices_processing": "rows.status = 'processing'",
            "slices_completed": "rows.status = 'completed'",
            "slices_failed": "rows.status = 'failed'",
        },
    ),
    "swf_fastmon_files": (
        "rows JOIN swf_stf_files f ON f.file_id = rows.stf_file_id"
        " JOIN swf_runs r ON r.run_id = f.run_id",
        "r.run_number",
        {"stf_samples_received": "true"},
    ),
    "swf_workers": (
        "rows",
        "rows.run_number",
        {"active_worker_count": "rows.ended_at IS NULL"},
    ),
}
EVENTS = {
    "INSERT": ("NEW TABLE AS added", {"added": 1}),
    "UPDATE": ("OLD TABLE AS removed NEW TABLE AS added", {"added": 1, "removed": -1}),
    "DELETE": ("OLD TABLE AS removed", {"removed": -1}),
}


def counting(table, event):
    """The trigger that carries one kind of statement on a table over to the counts of its runs."""
    source, run, counts = COUNTS[table]
    transition, signs = EVENTS[event]
    name = f"{table}_count_{event.lower()}"
    changed = " UNION ALL ".join(
        f"SELECT {run} AS run_number, "
        + ", ".join(
            f"{sign} * count(*) FILTER (WHERE {condition}) AS {count}"
            for count, condition in counts.items()
        )
        + f" FROM {source.replace('rows', f'{rows} rows', 1)} GROUP BY 1"
        for rows, sign in signs.items()
    )
    totals = ", ".join(f"sum({count}) AS {count}" for count in counts)
    changes = ", ".join(f"{count} = s.{count} + d.{count}" for count in counts)
    differs = " OR ".join(f"d.{count} <> 0" for count in counts)
    return f"""
CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE swf_run_state s SET {changes}, updated_at = now()
    FROM (SELECT run_number, {totals} FROM ({changed}) AS changed GROUP BY run_number) AS d
    WHERE s.run_number = d.run_number AND ({differs});
    RETURN NULL;
END $$;
CREATE TRIGGER count_{event.lower()} AFTER {event} ON {table} REFERENCING {transition}
    FOR EACH STATEMENT EXECUTE FUNCTION {name}();
"""


def first_counts():
    """The trigger that gives a new run's state the counts of rows that were there before it.

    The lock waits for writers whose rows are not committed yet: they have found no state to count
    in, and their rows could not be seen.
    """
    queries = "".join(
        f"    SELECT {', '.join(f'count(*) FILTER (WHERE {c})' for c in counts.values())}"
        f" INTO {', '.join(f'NEW.{count}' for count in counts)}"
        f" FROM {source.replace('rows', f'{table} rows', 1)} WHERE {run} = NEW.run_number;\n"
        for table, (source, run, counts) in COUNTS.items()
    )
    return f"""
CREATE FUNCTION swf_first_counts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    LOCK TABLE {", ".join(COUNTS)} IN SHARE MODE;
{queries}    RETURN NEW;
END $$;
CREATE TRIGGER first_counts BEFORE INSERT ON swf_run_state
    FOR EACH ROW EXECUTE FUNCTION swf_first_counts();
"""


class Migration(migrations.Migration):
    dependencies = [("records", "0002_every_record")]

    operations = [
        migrations.RunSQL(ORDER),
        migrations.RunSQL(AGENTS),
        migrations.RunSQL(RANGES),
        migrations.RunSQL("".join(counting(table, event) for table in COUNTS for event in EVENTS)),
        migrations.RunSQL(first_counts()),
        # tokens are records of our own now (decision 0010)
        migrations.RunSQL("DROP TABLE IF EXISTS authtoken_token"),
    ]
