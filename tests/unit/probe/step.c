#include <unwind.h>

#include "step_internal.h"

static struct step_call calls[STEP_CALLS_MAX]; /* outermost first */
static unsigned n_calls;
static volatile sig_atomic_t stepping, is_first;
static ucontext_t before; /* at the last stop; its registers alone */
static void (*stop)(const ucontext_t *context);

void step_push(struct step_call call) {
    if (n_calls < STEP_CALLS_MAX)
        calls[n_calls++] = call;
}

void step_pop(void) {
    n_calls -= n_calls > 0;
}

const struct step_call *step_top(void) {
    return n_calls ? &calls[n_calls - 1] : NULL;
}

unsigned step_truth(uint64_t *ret) {
    unsigned n = 0;
    ret[n++] = step_pc(&before);
    for (unsigned i = n_calls; i; i--)
        ret[n++] = calls[i - 1].pc;
    return n;
}

/* ---- The calls that led to the first stop, which nobody saw: by libgcc ---------------------------------------------*/
struct outwards {
    uint64_t pc; /* of the stop: what is below it is the handler's */
    bool inside;
    struct step_call calls[STEP_CALLS_MAX];
    unsigned n;
};

static _Unwind_Reason_Code take_caller(struct _Unwind_Context *context, void *data) {
    struct outwards *outwards = data;
    int is_exact = 0;
    uint64_t pc = _Unwind_GetIPInfo(context, &is_exact);
    if (!outwards->inside)
        outwards->inside = is_exact && pc == outwards->pc;
    else if (pc && outwards->n < STEP_CALLS_MAX)
        outwards->calls[outwards->n++] = (struct step_call){_Unwind_GetCFA(context), pc - !is_exact};
    return _URC_NO_REASON;
}

static void learn_calls(const ucontext_t *context) {
    struct outwards outwards = {.pc = step_pc(context)};
    _Unwind_Backtrace(take_caller, &outwards);
    n_calls = 0;
    while (outwards.n)
        step_push(outwards.calls[--outwards.n]);
}

static void on_trap(int signal, siginfo_t *info, void *data) {
    (void)signal, (void)info;
    ucontext_t *context = data;
    step_arm(context, false);
    if (!stepping)
        return;
    if (is_first)
        learn_calls(context);
    else
        step_follow(&before, context);
    is_first = 0;
    before.uc_mcontext = context->uc_mcontext;
    stop(context);
    step_arm(context, true);
}

int step_init(void (*at_stop)(const ucontext_t *context)) {
    struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO};
    stop = at_stop;
    return step_arch_init() || sigaction(SIGTRAP, &action, NULL) ? -1 : 0;
}

void step_start(void) {
    is_first = stepping = 1;
    raise(SIGTRAP);
}

void step_stop(void) {
    stepping = 0;
}
