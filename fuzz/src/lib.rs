//! What the fuzz targets hold the server against: the simplest readings of the same rules that could be right. They share
//! nothing with the server's own code.

pub mod answers;
pub mod chunked;
pub mod cutting;
pub mod event_stream;
pub mod path;
