-- The planner knows nothing of a young table and keeps its plan. All indexes that begin as a
-- statement does look alike to it then, and it takes the newest: what looked for one message
-- walked its app's, and what looked for one member walked the room's. So an index beside a key
-- begins with a column that only its own statements name, or says a condition that they repeat.

-- All at once, so that no append stands between: it would hold one and wait for another.
LOCK TABLE rooms, messages, members, sessions IN ACCESS EXCLUSIVE MODE;

DROP INDEX messages_by_key;
CREATE UNIQUE INDEX messages_by_key ON messages (id, app, room);
DROP INDEX messages_by_time;
CREATE UNIQUE INDEX messages_by_time ON messages (app, created_at) WHERE created_at >= 0;

DROP INDEX members_by_user;
CREATE INDEX members_by_user ON members (user_id, app, room);
DROP INDEX members_by_rev;
CREATE INDEX members_by_rev ON members (app, room, rev) WHERE rev >= 0;
DROP INDEX members_by_read;
CREATE INDEX members_by_read ON members (app, room, read_rev) WHERE read_rev >= 0;

DROP INDEX rooms_by_kind;
CREATE INDEX rooms_by_kind ON rooms (kind, app, id);

DROP INDEX sessions_by_token;
CREATE UNIQUE INDEX sessions_by_token ON sessions (token_hash, app);
DROP INDEX sessions_open;
CREATE UNIQUE INDEX sessions_open ON sessions (user_id, app, device) WHERE closed_at IS NULL;
