"""`antiphon talk`: a conversation with a voice agent from the terminal."""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TextIO

import typer

from antiphon_operator.commands.options import Context, Form, FormOption, Kubeconfig, Namespace
from antiphon_operator.commands.output import INTERRUPTED, USAGE
from antiphon_operator.talking.call import Call, Manner
from antiphon_operator.talking.errors import NoKeyError, TalkError, UnreadableError
from antiphon_operator.talking.player import PROGRAMS, Player, found_player
from antiphon_operator.talking.prompt import Command, Lines, SayRecording, SayText
from antiphon_operator.talking.reach import Wanted, find, reached
from antiphon_operator.talking.telling import JsonTeller, Teller, TextTeller
from antiphon_operator.talking.wire import base_url

_ANSWERED, _NOT_ANSWERED = 0, 1


@dataclass(frozen=True)
class Wishes:
    """What the command line asks for."""

    wanted: Wanted
    url: str | None
    key: str | None
    said: tuple[Command, ...]
    manner: Manner
    play: bool | None


def talk(
    agent: Annotated[
        str | None, typer.Argument(metavar="[AGENT]", help="Name of a VoiceAgent. Default: the only one.")
    ] = None,
    namespace: Namespace = None,
    url: Annotated[
        str | None, typer.Option(help="Its address, such as http://127.0.0.1:8080; then no cluster is asked.")
    ] = None,
    text: Annotated[list[str] | None, typer.Option(help="Say this. May be given more than once.")] = None,
    wav: Annotated[list[Path] | None, typer.Option(help="Say this recording (WAV), after the texts.")] = None,
    speak: Annotated[
        bool | None,
        typer.Option(
            "--speak/--no-speak",
            help="Say typed text aloud, in the agent's own voice, so that hearing is tried too; or send it as text."
            " Default: aloud where the agent hears and speaks.",
            show_default=False,
        ),
    ] = None,
    save: Annotated[
        Path | None, typer.Option(metavar="ANSWER.wav", help="Keep the answers: ANSWER.wav, ANSWER-2.wav and so on.")
    ] = None,
    play: Annotated[
        bool | None,
        typer.Option(
            "--play/--no-play", help="Play the answers. Default: where a program for it is found.", show_default=False
        ),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(
            envvar="ANTIPHON_API_KEY", help="API key of the agent. Default: $ANTIPHON_API_KEY.", show_envvar=False
        ),
    ] = None,
    turns: Annotated[
        int | None, typer.Option(min=1, help="So many turns: what is to be said is said again. Default: each once.")
    ] = None,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds to wait without any news of the agent.")] = 30.0,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    output: FormOption = Form.text,
) -> None:
    """Talk to a voice agent: say a text or a recording, see what it hears and answers and how fast, hear its voice.

    With neither --text nor --wav it asks you what to say, line by line; typing while it speaks interrupts it. From a
    pipe it says each line.

    Exit codes: 0 every turn was answered, 1 one was not, or the agent could not be reached or refused, 2 wrong usage.
    """
    said: tuple[Command, ...] = (*map(SayText, text or ()), *map(SayRecording, wav or ()))
    manner = Manner(speak, save, turns, timeout)
    wishes = Wishes(Wanted(agent, namespace, kubeconfig, context), url, key, said, manner, play)
    teller: Teller = JsonTeller(sys.stdout, sys.stderr) if output is Form.json else TextTeller(sys.stdout, sys.stderr)
    try:
        code = asyncio.run(converse(wishes, teller, sys.stdin))
    except UnreadableError as error:
        teller.fails(error)
        code = USAGE
    except TalkError as error:
        teller.fails(error)
        code = _NOT_ANSWERED
    except KeyboardInterrupt:
        code = INTERRUPTED
    raise typer.Exit(code)


async def converse(wishes: Wishes, teller: Teller, source: TextIO) -> int:
    """The exit code. Raises TalkError."""
    player = _player(wishes, teller)
    found = None if wishes.url else await find(wishes.wanted)
    try:
        async with AsyncExitStack() as held:
            if found is None:
                base = base_url(wishes.url or "")
            else:
                base = await held.enter_async_context(reached(found, wishes.wanted, wishes.key, teller.remark))
            call = await held.enter_async_context(Call.open(base, wishes.key, player, wishes.manner, teller))
            is_answered = await _talked(call, wishes, source)
    except NoKeyError as error:
        raise NoKeyError(f"{error}{found.key_hint if found else ''}") from error
    return _ANSWERED if is_answered else _NOT_ANSWERED


async def _talked(call: Call, wishes: Wishes, source: TextIO) -> bool:
    if wishes.said:
        return await call.say_all(wishes.said)
    return await (call.chat(Lines(source)) if source.isatty() else call.say_lines(Lines(source)))


def _player(wishes: Wishes, teller: Teller) -> Player:
    if wishes.play is False:
        return Player(None)
    command = found_player()
    if command is None and (wishes.play or wishes.manner.save is None):
        teller.remark(f"nothing here plays sound ({', '.join(PROGRAMS)}): --save FILE keeps the answers")
    return Player(command)
