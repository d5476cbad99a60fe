"""Drives one version of the vendor's client, unmodified, through its own calls.

Environment: SERVER (base address), SECRET (application secret). Prints one line per check.
"""
import inspect
import os
import sys

from i2a_chat_api_client import client as vendor
from i2a_chat_api_client import exceptions

server, secret = os.environ["SERVER"], os.environ["SECRET"]
old = "server_url" not in inspect.signature(vendor.I2AChatApiClient.__init__).parameters


def make(key):
    if old:
        # The oldest version names its server in an attribute of the class.
        vendor.I2AChatApiClient.I2A_CHAT_API_SERVER_URL = server
        return vendor.I2AChatApiClient(key)
    return vendor.I2AChatApiClient(key, server)


def check(name, ok):
    print(("ok   " if ok else "FAIL ") + name, flush=True)
    if not ok:
        sys.exit(1)


def raises(kind, call):
    try:
        call()
    except kind as error:
        return error.data is not None
    return False


api = make(secret)
api.ping()
check("ping", True)
wrong = exceptions.I2AChatApiClientUnauthorizedException
check("ping with another secret", raises(wrong, make("nonsense").ping))

if old:
    token = api.open_session("phone", "anna")
    room = api.create_chat_room("my-room", ["anna", "ben"])
else:
    token = api.open_session("phone", "push-token", "anna", {"name": "Anna"})
    room = api.create_chat_room(["anna", "ben"], vendor.ChatRoomType.REGULAR)
check("open session", isinstance(token, str) and ":" in token)
check("create room", isinstance(room, str) and ":" in room)
check("add users", api.add_users_to_chat_room(room, ["cleo"]) is not False)
check("remove users", api.remove_users_from_chat_room(room, ["cleo"]) is not False)
gone = exceptions.I2AChatApiClientNotFoundError
check("add to no room", raises(gone, lambda: api.add_users_to_chat_room("none", ["a"])))

if not old:
    api.send_system_message(room, "Hello from the backend, 你好")
    listed = api.get_chat_room_messages(room, limit=5).json()
    check("system message", listed[-1]["message"] == "Hello from the backend, 你好")
    at = listed[-1]["message_timestamp_identifier"]
    same = api.get_chat_room_messages(room, message_timestamp_from=int(at)).json()
    check("messages from a moment", [one["message"] for one in same] == [listed[-1]["message"]])
    api.report_chat_message("anna", room, at, 1, "rude")
    check("report", True)
    api.set_message_is_active(at, False)
    check("hide", api.get_chat_room_messages(room).json() == [])
    api.set_message_is_active(at, True)
    check("show", len(api.get_chat_room_messages(room).json()) == 1)

api.delete_chat_room(room)
check("delete room", raises(gone, lambda: api.delete_chat_room(room)))
api.close_session(token)
check("close session", raises(gone, lambda: api.close_session(token)))
