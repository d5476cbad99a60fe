-- Messages whose words the customer's backend keeps.

ALTER TABLE messages ADD COLUMN external TEXT;
CREATE INDEX messages_by_external ON messages (rk, external) WHERE external IS NOT NULL;
