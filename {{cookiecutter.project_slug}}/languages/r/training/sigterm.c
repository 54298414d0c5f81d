/* R has no handler for SIGTERM, and as PID 1 it does not even die of it (C6).
 *
 * This one only logs and sets a flag, which opt_ml.R reads between the steps: R's own interrupts
 * would abandon the step. `R CMD SHLIB sigterm.c` makes the library that opt_ml.R loads.
 */
#include <errno.h>
#include <signal.h>
#include <unistd.h>

static const char line[] =
    "SIGTERM received: finishing this step, then saving checkpoint and model.\n";
static volatile sig_atomic_t received = 0;

static void on_sigterm(int number) {
  int before = errno;
  if (!received && write(STDOUT_FILENO, line, sizeof line - 1) < 0) {
    /* A closed log must not keep the model from being saved. */
  }
  received = 1;
  errno = before;
}

void watch_sigterm(void) {
  struct sigaction action = {0};
  action.sa_handler = on_sigterm;
  action.sa_flags = SA_RESTART; /* reading and writing go on as if nothing had happened */
  sigaction(SIGTERM, &action, NULL);
}

void sigterm_received(int *answer) { *answer = received; }
