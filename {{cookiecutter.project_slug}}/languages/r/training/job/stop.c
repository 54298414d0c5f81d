/* R has no handler for SIGTERM, and as process 1 it does not even die of it (C6).
 *
 * Here a handler logs it and sets a flag, which stop.R reads between the steps: R's own interrupts
 * would abandon the step. `R CMD SHLIB stop.c` makes the library that stop.R loads.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

static const char line[] =
    "SIGTERM received: finishing this step, then saving checkpoint and model.\n";
static volatile sig_atomic_t received = 0;

static void on_sigterm(int number) {
  int before = errno;
  if (!received) {
    received = number;
    if (write(STDOUT_FILENO, line, sizeof line - 1) < 0) {
      /* A closed log must not keep the model from being saved. */
    }
  }
  errno = before;
}

/* Returns the mask of before. */
static sigset_t mask_sigterm(int how) {
  sigset_t sigterm, before;
  sigemptyset(&sigterm);
  sigaddset(&sigterm, SIGTERM);
  pthread_sigmask(how, &sigterm, &before);
  return before;
}

/* A child process dies of SIGTERM as any other does, from its first instant on. One that is
 * executed loses the handler by itself. */
static _Thread_local sigset_t before_fork;
static void hold_for_fork(void) { before_fork = mask_sigterm(SIG_BLOCK); }
static void in_parent(void) { pthread_sigmask(SIG_SETMASK, &before_fork, NULL); }
static void in_child(void) {
  signal(SIGTERM, SIG_DFL);
  mask_sigterm(SIG_UNBLOCK);
}

/* Takes the signal while R's thread does not. */
static void *wait_for_sigterm(void *unused) {
  for (;;) {
    pause();
  }
  return unused;
}

void watch_sigterm(void) {
  pthread_t thread;
  sigset_t all, before;
  struct sigaction action = {0};
  action.sa_handler = on_sigterm;
  action.sa_flags = SA_RESTART;
  sigaction(SIGTERM, &action, NULL);
  pthread_atfork(hold_for_fork, in_parent, in_child);
  /* R's thread alone must take all the others. */
  sigfillset(&all);
  sigdelset(&all, SIGTERM);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_create(&thread, NULL, wait_for_sigterm, NULL);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* A signal that breaks into R's writing to another host would end that with an error: meanwhile
 * R's thread does not take it. */
void hold_sigterm(int *hold) { mask_sigterm(*hold ? SIG_BLOCK : SIG_UNBLOCK); }

void sigterm_received(int *answer) { *answer = received != 0; }
