"""The ranges of time frames stay inside each other's also when parent and child change at once.

Whoever writes a child holds its parent's key until the commit; whoever changes a parent's range
waits for all of them, and they for it. What each sees after the wait is what was committed.
"""

from django.db import migrations


def function(constraint, table, check, text):
    """The trigger function that refuses a row of `table`: `check` says so in `refused`."""
    return f"""
CREATE OR REPLACE FUNCTION {constraint}() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE refused boolean;
BEGIN
{check}
    IF refused THEN
        RAISE EXCEPTION '{text}' USING ERRCODE = 'check_violation',
            CONSTRAINT = '{constraint}', TABLE = '{table}';
    END IF;
    RETURN NEW;
END $$;
"""


def inside(constraint, table, parent, key, condition, text):
    """A child is refused when `condition` holds with its parent `p`, whose key is held."""
    check = f"    SELECT {condition} INTO refused FROM {parent} p WHERE {key} FOR KEY SHARE;"
    return function(constraint, table, check, text)


def around(constraint, table, key, children, condition, text):
    """A parent is refused when `condition` holds with one of its `children` `c`.

    FOR UPDATE waits for who holds the key; the children are looked for after that.
    """
    check = f"""    PERFORM FROM {table} p WHERE p.{key} = NEW.{key} FOR UPDATE;
    refused := EXISTS (SELECT FROM {children} AND {condition});"""
    return function(constraint, table, check, text)


LOCKING = (
    inside(
        "sample_inside_its_stf",
        "swf_fastmon_files",
        "swf_stf_files",
        "p.file_id = NEW.stf_file_id",
        "NEW.tf_last >= p.tf_count",
        "The range of time frames is not inside the one of the STF file.",
    )
    + inside(
        "slice_inside_its_sample",
        "swf_tf_slices",
        "swf_fastmon_files",
        "p.tf_file_id = NEW.fastmon_file_id",
        "(NEW.tf_first < p.tf_first OR NEW.tf_last > p.tf_last)",
        "The range of time frames is not inside the one of the TF file.",
    )
    + around(
        "stf_around_its_samples",
        "swf_stf_files",
        "file_id",
        "swf_fastmon_files c WHERE c.stf_file_id = NEW.file_id",
        "c.tf_last >= NEW.tf_count",
        "The STF file has TF files beyond that number of time frames.",
    )
    + around(
        "sample_around_its_slices",
        "swf_fastmon_files",
        "tf_file_id",
        "swf_tf_slices c WHERE c.fastmon_file_id = NEW.tf_file_id",
        "(c.tf_first < NEW.tf_first OR c.tf_last > NEW.tf_last)",
        "The TF file has slices beyond that range of time frames.",
    )
)


class Migration(migrations.Migration):
    dependencies = [("records", "0004_run_histograms")]

    operations = [migrations.RunSQL(LOCKING)]
