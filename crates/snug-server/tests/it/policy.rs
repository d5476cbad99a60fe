//! Every operation under every app policy, and what each role may do.
