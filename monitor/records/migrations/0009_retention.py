"""When a record was made, where only its sender said so; by which time old ones are found; and
which slices are in their run's histograms.
"""

import django.contrib.postgres.indexes
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('records', '0008_queues_and_refusals'),
    ]

    operations = [
        migrations.AddField(
            model_name='run',
            name='recorded_at',
            field=models.DateTimeField(auto_now_add=True, db_default=django.db.models.functions.datetime.Now()),
        ),
        migrations.AddField(
            model_name='runstate',
            name='recorded_at',
            field=models.DateTimeField(auto_now_add=True, db_default=django.db.models.functions.datetime.Now()),
        ),
        migrations.AddField(
            model_name='systemstateevent',
            name='recorded_at',
            field=models.DateTimeField(auto_now_add=True, db_default=django.db.models.functions.datetime.Now()),
        ),
        migrations.AddField(
            model_name='tfslice',
            name='counted',
            field=models.BooleanField(db_default=False, default=False, editable=False, help_text="whether its result is in its run's histograms; it never goes in again"),
        ),
        migrations.AddField(
            model_name='worker',
            name='recorded_at',
            field=models.DateTimeField(auto_now_add=True, db_default=django.db.models.functions.datetime.Now()),
        ),
        migrations.AddField(
            model_name='workflowexecution',
            name='recorded_at',
            field=models.DateTimeField(auto_now_add=True, db_default=django.db.models.functions.datetime.Now()),
        ),
        migrations.AddIndex(
            model_name='agentstatechange',
            index=django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=['changed_at'], name='agent_changed_at'),
        ),
        migrations.AddIndex(
            model_name='systemstateevent',
            index=django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=['recorded_at'], name='event_recorded_at'),
        ),
        migrations.AddIndex(
            model_name='workflowmessage',
            index=django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=['recorded_at'], name='message_recorded_at'),
        ),
        # last: a table with changed rows cannot be altered in the same transaction
        migrations.RunSQL(
            "UPDATE swf_tf_slices SET counted = true WHERE status = 'completed'",
            migrations.RunSQL.noop,
        ),
    ]
