//! A run that is killed and resumed ends with the weights of one that was not.
