-- How far each member's devices have got a room. Not in members, whose rows are wide and locked by
-- sends and joins: this is written for every member of a large room at once. A row below the read
-- cursor says nothing, so that who left and came back needs none to be taken away.

CREATE TABLE delivered (
    app     text COLLATE "C" NOT NULL,
    room    text COLLATE "C" NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    -- In no index, and with room in the page: an update writes the row alone.
    seq     bigint NOT NULL,
    PRIMARY KEY (app, room, user_id)
) WITH (fillfactor = 80);
