-- How far each member's devices have got a room. Not in members, whose rows are wide and indexed:
-- this is written for every member of a large room at once. A row below the read cursor says
-- nothing, so that who left and came back needs none to be taken away.

CREATE TABLE delivered (
  rk   INTEGER NOT NULL,
  user TEXT NOT NULL,
  seq  INTEGER NOT NULL,
  PRIMARY KEY (rk, user)
) STRICT, WITHOUT ROWID;
