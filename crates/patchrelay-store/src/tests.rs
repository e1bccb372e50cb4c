//! What every store must do is in `contract`, written against the port alone; what only this one does is in `sqlite`.

mod contract;
mod fixtures;
mod sqlite;
