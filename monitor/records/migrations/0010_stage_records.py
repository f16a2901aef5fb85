"""What agents record of the stages that they bring STFs to."""

import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('records', '0009_retention'),
    ]

    operations = [
        migrations.CreateModel(
            name='StageRecord',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('execution_id', models.CharField(max_length=100)),
                ('stage', models.CharField(help_text="as the label of an agent's service has it", max_length=64)),
                ('unit', models.CharField(help_text="the STF's file name", max_length=255)),
                ('failed', models.BooleanField(default=False)),
                ('recorded_at', models.DateTimeField(auto_now_add=True, db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                'db_table': 'swf_stage_records',
                'ordering': ['id'],
                'constraints': [models.UniqueConstraint(fields=('execution_id', 'unit', 'stage'), name='stage_once_for_its_unit')],
            },
        ),
    ]
