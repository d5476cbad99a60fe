"""Drives the published Python client, unmodified, through its own calls.

Environment: SERVER (base address), ADMIN_PASSWORD. Prints one line per check.
"""
import os
import sys

from rocketchat_API.APIExceptions.RocketExceptions import RocketAuthenticationException
from rocketchat_API.rocketchat import RocketChat

server, password = os.environ["SERVER"], os.environ["ADMIN_PASSWORD"]


def check(name, ok, seen=None):
    print(("ok   " if ok else "FAIL ") + name, "" if ok else seen, flush=True)
    if not ok:
        sys.exit(1)


def listed(answer, field):
    """Newer calls give the rows one by one, older ones the body."""
    if isinstance(answer, dict):
        return answer[field]
    if hasattr(answer, "json"):
        return answer.json()[field]
    return list(answer)


def body(answer):
    return answer.json() if hasattr(answer, "json") else answer


try:
    RocketChat("boss", "wrong", server_url=server)
    check("a wrong password", False)
except RocketAuthenticationException:
    check("a wrong password", True)
boss = RocketChat("boss", password, server_url=server)
check("login", body(boss.me())["username"] == "boss")
made = body(boss.users_create("dee@shop.example", "Dee", "dee-password", "dee"))
check("users.create", made["user"]["_id"] == "dee", made)
token = body(boss.users_create_token(user_id="dee", secret="any"))["data"]
check("users.createToken", token["userId"] == "dee", token)
dee = RocketChat(user_id=token["userId"], auth_token=token["authToken"], server_url=server)
check("by token", body(dee.me())["name"] == "Dee")
by_mail = RocketChat("dee@shop.example", "dee-password", server_url=server)
check("by e-mail", body(by_mail.me())["_id"] == "dee")
check("users.list", any(user["_id"] == "dee" for user in listed(boss.users_list(), "users")))
channel = body(boss.channels_create("python", members=["dee"]))["channel"]
room = channel["_id"]
check("channels.create", channel["t"] == "c", channel)
said = body(boss.chat_post_message("via python", channel="#python"))["message"]
check("chat.postMessage", said["msg"] == "via python", said)
for index in range(60):
    body(dee.chat_send_message({"rid": room, "msg": f"message {index}"}))
messages = listed(dee.channels_messages(room_id=room), "messages") if hasattr(
    dee, "channels_messages") else listed(dee.channels_history(room, count=100), "messages")
check("history", len(messages) >= 50, len(messages))
history = listed(dee.channels_history(room, count=5), "messages")
check("channels.history", history[0]["msg"] == "message 59", history[:1])
check("chat.react", body(dee.chat_react(said["_id"], "smile"))["success"])
got = body(dee.chat_get_message(said["_id"]))["message"]
check("chat.getMessage", got["reactions"][":smile:"]["usernames"] == ["dee"], got)
check("chat.update", body(boss.chat_update(room, said["_id"], "edited"))["message"]["msg"] == "edited")
check("chat.delete", body(boss.chat_delete(room, said["_id"]))["success"])
synced = body(dee.chat_sync_messages(room, "2020-01-01T00:00:00.000Z"))["result"]
check("chat.syncMessages", len(synced["updated"]) == 60 and len(synced["deleted"]) == 1, synced)
direct = body(dee.dm_create("boss"))["room"]
check("dm.create", direct["t"] == "d", direct)
check("dm.list", len(listed(dee.dm_list(), "ims")) == 1)
group = body(dee.groups_create("private"))["group"]
check("groups.create", group["t"] == "p", group)
check("groups.invite", body(dee.groups_invite(group["_id"], "boss"))["success"])
check("groups.history", listed(boss.groups_history(group["_id"]), "messages")[0]["t"] == "au")
check("rooms.get", len(listed(dee.rooms_get(), "update")) == 3)
subscriptions = listed(dee.subscriptions_get(), "update")
check("subscriptions.get", {one["t"] for one in subscriptions} == {"c", "d", "p"}, subscriptions)
check("subscriptions.read", body(dee.subscriptions_read(room))["success"])
check("channels.leave", body(dee.channels_leave(room))["success"])
check("logout", body(dee.logout())["status"] == "success")
print("all done")
