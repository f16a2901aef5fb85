"""Log records are found by a text anywhere in their message."""

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.operations import TrigramExtension
from django.db import migrations
from django.db.models.functions import Upper


class Migration(migrations.Migration):
    dependencies = [("records", "0005_ranges_lock_parents")]

    operations = [
        TrigramExtension(),
        migrations.AddIndex(
            model_name="applog",
            index=GinIndex(
                OpClass(Upper("message"), name="gin_trgm_ops"), name="applog_message_text"
            ),
        ),
    ]
