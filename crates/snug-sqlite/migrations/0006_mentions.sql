-- Whom messages mention: an index beside them, so that unread mentions are counted without reading
-- any. Counted from here on; what was sent before is not in it.

CREATE TABLE mentions (
  rk     INTEGER NOT NULL,
  -- "u:" and a user, "r:" and a role, or "*" for everyone.
  target TEXT NOT NULL,
  seq    INTEGER NOT NULL,
  sender TEXT,
  PRIMARY KEY (rk, target, seq)
) STRICT, WITHOUT ROWID;

-- Seq of the newest message that mentioned somebody: who has read so far has nothing to count.
ALTER TABLE heads ADD COLUMN mentioned INTEGER NOT NULL DEFAULT 0;
