-- What messages carry beside their words: mentions, answers, cards, places. One document.

ALTER TABLE messages ADD COLUMN extras TEXT;
ALTER TABLE message_versions ADD COLUMN extras TEXT;
