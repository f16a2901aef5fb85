"""What was found in the slices of a run."""

from __future__ import annotations

from django.db import models


class RunHistograms(models.Model):
    """The sums over all slices of a run that were processed; each slice is in them once."""

    run_number = models.BigIntegerField(primary_key=True)
    histograms = models.JSONField(
        default=dict, help_text="by name, each in UHI form with every bin, flow bins included"
    )
    slices = models.PositiveIntegerField(default=0)
    tfs = models.PositiveIntegerField(default=0, help_text="time frames in these slices")
    hits = models.BigIntegerField(default=0)
    clusters = models.BigIntegerField(default=0)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "swf_run_histograms"
        ordering = ["run_number"]
        verbose_name_plural = "run histograms"
