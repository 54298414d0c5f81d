/* R has no handler for SIGTERM, and as PID 1 it does not even die of it (C6).
 *
 * Here a thread awaits it, logs it and sets a flag, which stop.R reads between the steps: R's own
 * interrupts would abandon the step, and a signal that breaks into its writing to another host ends
 * that with an error. `R CMD SHLIB stop.c` makes the library that stop.R loads.
 */
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

static const char line[] =
    "SIGTERM received: finishing this step, then saving checkpoint and model.\n";
static volatile sig_atomic_t received = 0;
static sigset_t sigterm;

static void *await_sigterm(void *unused) {
  int number;
  if (sigwait(&sigterm, &number) == 0) {
    received = 1;
    if (write(STDOUT_FILENO, line, sizeof line - 1) < 0) {
      /* A closed log must not keep the model from being saved. */
    }
  }
  return unused;
}

void watch_sigterm(void) {
  pthread_t thread;
  sigemptyset(&sigterm);
  sigaddset(&sigterm, SIGTERM);
  /* Also for all threads and processes that are started later. */
  pthread_sigmask(SIG_BLOCK, &sigterm, NULL);
  pthread_create(&thread, NULL, await_sigterm, NULL);
}

void sigterm_received(int *answer) { *answer = received; }
