//! Every example of the wire, through the types that parse and write it.
