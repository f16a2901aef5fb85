"""What agents record of the stages that they bring STFs to."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class StageRecord(models.Model):
    """An STF has come to its end at a stage of an execution, well or not."""

    execution_id = models.CharField(max_length=100)
    stage = models.CharField(max_length=64, help_text="as the label of an agent's service has it")
    unit = models.CharField(max_length=255, help_text="the STF's file name")
    failed = models.BooleanField(default=False)
    recorded_at = models.DateTimeField(auto_now_add=True, db_default=Now(), editable=False)

    class Meta:
        db_table = "swf_stage_records"
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["execution_id", "unit", "stage"], name="stage_once_for_its_unit"
            ),
        ]
