//! The server through its real doors: started in this process, spoken to over TCP, on either
//! store. One binary, so that it is linked once.

mod before_send;
mod bridge;
mod changes;
mod compatibility;
mod contract;
mod delivery;
mod dialect_ids;
mod dialect_tokens;
mod documents;
mod ecb;
mod embed;
mod every_door;
mod foreign;
mod golden;
mod harness;
mod i2a;
mod imkit;
mod invitations;
mod kill;
mod mentions;
mod panel;
mod policy;
mod rest;
mod rocketchat;
mod rooms;
mod schemathesis;
mod secrets;
mod sessions;
mod signed;
mod socket;
mod socket_bad_input;
mod threads;
mod webhooks;
