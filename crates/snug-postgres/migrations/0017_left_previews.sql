-- What a room showed to who left it goes with its message. Found by the message: many may have left.
-- Its condition is repeated by nothing else. The index first: it takes the table's lock before any
-- row's.
CREATE INDEX left_rooms_by_preview ON left_rooms (app, room, preview_seq)
    WHERE preview_text IS NOT NULL;

UPDATE left_rooms l SET preview_text = NULL FROM messages g
    WHERE l.preview_text IS NOT NULL AND g.app = l.app AND g.room = l.room
      AND g.seq = l.preview_seq AND g.deleted_at IS NOT NULL;
