"""`parlance models use` beside a running bot: it answers with the model at once."""

from __future__ import annotations

from pathlib import Path

from bot.control.client import ask
from tests.fakes.file_server import FileServer
from tests.fakes.hub import serve_repository
from tests.scenarios.process import Folder, read_until
from tests.unit.backends.llama_cpp.tiny import write_sliding_window_model


async def test_a_running_bot_takes_it_at_once(tmp_path: Path) -> None:
    write_sliding_window_model(tmp_path / "tiny.gguf")
    async with FileServer() as hub:
        serve_repository(hub, "a/b", {"m-Q8_0.gguf": (tmp_path / "tiny.gguf").read_bytes()})
        folder = Folder(tmp_path, {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "hf")})
        folder.configure(models_dir="store", data_dir="data")
        async with folder.started("run") as bot:
            assert bot.stdin is not None
            bot.stdin.write(b"hello\n")
            await read_until(bot, "You said: hello")
            before = await ask(tmp_path / "data", "status")
            used = (await folder.run("models", "use", "hf:a/b", "--no-trial")).no_trace()
            assert "The running bot uses it from now on." in used.out, used.err
            after = await ask(tmp_path / "data", "status")
            assert "b" in [row["model"] for row in after["models"]]
            assert before["configuration"] != after["configuration"]
            bot.stdin.write(b"/model list\n")
            assert "b** (llama_cpp" in await read_until(bot, "answers here")


async def test_it_counts_for_more_than_what_was_chosen_in_chat_before(tmp_path: Path) -> None:
    """Also where no bot runs that could be told: the choice in the database went first once."""
    folder = Folder(tmp_path)
    scripted = {"backend": "scripted"}
    folder.configure(models={"default": scripted, "other": scripted, "embedder": scripted})
    chosen = (await folder.run("run", stdin=b"/model use other default\n/model list\n")).no_trace()
    assert "other** (scripted, ready) ← answers here, the default" in chosen.out, chosen.err
    used = (await folder.run("models", "use", "default", "--no-trial")).no_trace()
    assert used.status == 0, used.err
    listed = (await folder.run("run", stdin=b"/model list\n")).no_trace()
    assert "default** (scripted, ready) ← answers here, the default" in listed.out
