/* The journal of libjournal. Each function returns 0, or -1 if it has failed. */
int journal_open(const char *path);
int journal_write(const char *line);
int journal_catch_signals(void);
