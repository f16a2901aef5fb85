"""What operators do from a page. Each action says first what it will do, and waits for a yes: so
it works without script, and nothing happens by a slip.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from monitor.control import agents, dead_letters, workflows
from monitor.control.commands import NoAnswer, Refused, Unknown
from monitor.pages.access import operators
from monitor.pages.links import to
from monitor.pages.views.record_page import row_or_404
from monitor.records.models import DeadLetter, SystemAgent, WorkflowExecution

VERBS = {
    "start": ("Start", "Its containers are started, also those that were only created."),
    "stop": (
        "Stop",
        "It finishes the work in hand and ends. It stays down until somebody starts it.",
    ),
    "restart": ("Restart", "It finishes the work in hand, ends, and starts again."),
    "kill": (
        "Kill",
        "It ends at once; what it had in hand is delivered again, to a replica or to itself once "
        "somebody starts it.",
    ),
}
"""What each verb does to a program: the word on the button, and what follows."""


def confirmed(
    request: HttpRequest,
    act: Callable[[], object],
    *,
    question: str,
    consequence: str,
    action: str,
    done: str,
    back: str,
    dangerous: bool = True,
) -> HttpResponse:
    """Ask, and on a yes act and go back; what stands in the way is shown beside the question.

    :param done: what is said when it has been done
    :param back: the address to go to afterwards, or without having acted
    """
    context: dict[str, Any] = {
        "question": question,
        "consequence": consequence,
        "action": action,
        "back": back,
        "dangerous": dangerous,
    }
    status = 200
    if request.method == "POST":
        try:
            act()
        except Unknown as error:
            raise Http404(str(error)) from None
        except (NoAnswer, Refused) as error:
            context["problem"], status = str(error), error.status
        else:
            messages.success(request, done)
            return redirect(back)
    return render(request, "pages/confirm.html", context, status=status)


@operators
def stop_execution(request: HttpRequest, execution_id: str) -> HttpResponse:
    """Stop a workflow."""
    row_or_404(WorkflowExecution.objects.all(), "execution", execution_id=execution_id)
    return confirmed(
        request,
        lambda: workflows.stop(str(request.user), execution_id),
        question=f"Stop {execution_id}?",
        consequence="Its run is closed with end_run and it ends as terminated; agents finish the "
        "files that they have.",
        action="Stop",
        done=f"{execution_id} is stopping.",
        back=str(to("execution", execution_id)),
    )


@operators
def end_execution(request: HttpRequest, execution_id: str) -> HttpResponse:
    """Record an execution as terminated that nobody runs any more."""
    row_or_404(WorkflowExecution.objects.all(), "execution", execution_id=execution_id)
    return confirmed(
        request,
        lambda: workflows.end(str(request.user), execution_id),
        question=f"End the record of {execution_id}?",
        consequence="For an execution that nobody runs any more: it is recorded as terminated.",
        action="End it",
        done=f"{execution_id} is recorded as terminated.",
        back=str(to("execution", execution_id)),
    )


@operators
def act_on_program(request: HttpRequest, program: str, verb: str) -> HttpResponse:
    """Start, stop, restart or kill every container of a program."""
    word, consequence = VERBS[verb]
    return confirmed(
        request,
        lambda: agents.act(str(request.user), verb, program),
        question=f"{word} {program}?",
        consequence=consequence,
        action=word,
        done=f"{program}: {verb} is done.",
        back=reverse("containers"),
        dangerous=verb in ("stop", "kill"),
    )


@operators
def kill_agent(request: HttpRequest, instance_name: str) -> HttpResponse:
    """Kill the container of one agent instance."""
    agent = row_or_404(SystemAgent.objects.all(), "agent", instance_name=instance_name)
    return confirmed(
        request,
        lambda: agents.kill(str(request.user), agent),
        question=f"Kill {instance_name}?",
        consequence=VERBS["kill"][1],
        action="Kill",
        done=f"{instance_name} is killed.",
        back=str(to("agent", instance_name)),
    )


@operators
def retry_letter(request: HttpRequest, number: int) -> HttpResponse:
    """Send a dead letter once more."""
    letter = row_or_404(DeadLetter.objects.all(), "dead letter", pk=number)
    return confirmed(
        request,
        lambda: dead_letters.retry(str(request.user), number),
        question=f"Retry dead letter {number}?",
        consequence=f"It is sent once more to {letter.destination}, and to no other queue. If it "
        "is refused again it comes back as a new dead letter.",
        action="Retry",
        done=f"Dead letter {number} has been sent again.",
        back=str(to("dead-letter", number)),
        dangerous=False,
    )


@operators
def discard_letter(request: HttpRequest, number: int) -> HttpResponse:
    """Lay a dead letter aside."""
    row_or_404(DeadLetter.objects.all(), "dead letter", pk=number)
    return confirmed(
        request,
        lambda: dead_letters.discard(str(request.user), number),
        question=f"Discard dead letter {number}?",
        consequence="It stays in the records, and counts as dealt with.",
        action="Discard",
        done=f"Dead letter {number} is discarded.",
        back=str(to("dead-letter", number)),
    )
