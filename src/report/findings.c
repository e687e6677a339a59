#include "report/findings.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "report/edges.h"
#include "report/objects.h"
#include "report/paths.h"
#include "report/sites.h"
#include "report/text.h"
#include "report/units.h"

/* From which shares on something stands out. */
#define LOCK_SHARE 0.25      /* of all waiting for locks, by one holder */
#define LOCK_TIME_LEAST 0.05 /* waiting, as a share of the time that the profile took */
#define ALLOC_SHARE 0.25     /* of the bytes, by one function */
#define CPU_SHARE 0.20       /* of the CPU time, in one function */
#define UNNAMED_SHARE 0.02   /* of the CPU time, in one object without symbols */
#define BUILD_SHARE 0.05     /* of the CPU time, in one object whose build misleads */
#define BUILDS_TOLD_MAX 3u   /* of these */
#define FAILED_SHARE 0.001   /* of the requests */
#define THREADS_FACTOR 2u    /* more of them than at first, */
#define THREADS_LEAST 20u    /* and so many more */

struct context {
    const struct report_run *run;
    const struct report_options *options;
    struct findings *findings;
};

void findings_add_quoted(struct buffer *ret, const char *word) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-+:@%,";
    if (word[0] != '\0' && word[strspn(word, plain)] == '\0') {
        buffer_add_string(ret, word);
        return;
    }
    buffer_add_string(ret, "'");
    for (const char *c = word; *c; c++)
        buffer_printf(ret, *c == '\'' ? "'\\''" : "%c", *c);
    buffer_add_string(ret, "'");
}

static struct finding *add(struct context *context, const char *kind) {
    struct findings *findings = context->findings;
    static struct finding spare; /* never read: there are fewer rules than places */
    if (findings->n == FINDINGS_MAX)
        return &spare;
    findings->items[findings->n].kind = kind;
    return &findings->items[findings->n++];
}

static const struct report_phase *find_phase(const struct context *context, const char *name) {
    for (size_t i = 0; i < context->run->n_phases; i++)
        if (strcmp(context->run->phases[i].name, name) == 0 && context->run->phases[i].profile)
            return &context->run->phases[i];
    return NULL;
}

static double share(int64_t value, int64_t total) {
    return total > 0 ? (double)value / (double)total : 0;
}

/* " (cache.c:88)"; nothing where the file is not known. */
static void add_place(struct buffer *text, const char *file, int64_t line) {
    size_t length;
    const char *base = path_base(file, &length);
    if (length == 0)
        return;
    _cleanup_buffer_ struct buffer name = BUFFER_INIT(0);
    buffer_add(&name, base, length);
    buffer_add_string(text, " (");
    text_add_safe(text, name.data ? name.data : "");
    if (line > 0)
        buffer_printf(text, ":%" PRId64, line);
    buffer_add_string(text, ")");
}

/* piko report FOLDER/NAME.pprof FLAGS '^function$' */
static void set_command(struct context *context, struct finding *finding, const char *phase, const char *flags,
                        const char *function) {
    _cleanup_buffer_ struct buffer path = BUFFER_INIT(0), name = BUFFER_INIT(0), expression = BUFFER_INIT(0);
    const char *folder = context->run->folder ? context->run->folder : "";
    size_t length = strlen(folder);
    buffer_printf(&path, "%s%s%s.pprof", folder, length > 0 && folder[length - 1] != '/' ? "/" : "", phase);
    text_add_safe(&name, function);
    buffer_add_string(&expression, "^");
    for (const char *c = name.data ? name.data : ""; *c; c++)
        buffer_printf(&expression, strchr("\\^$.|?*+()[]{}", *c) ? "\\%c" : "%c", *c);
    buffer_add_string(&expression, "$");
    buffer_add_string(&finding->command, "piko report ");
    findings_add_quoted(&finding->command, path.data ? path.data : "");
    buffer_printf(&finding->command, " %s ", flags);
    findings_add_quoted(&finding->command, expression.data ? expression.data : "");
}

/* ---- the rules --------------------------------------------------------------------------------------------------- */

static int find_locks(struct context *context) {
    const struct report_phase *phase = find_phase(context, "mutex");
    uint32_t delay = phase ? profile_find_sample_type(phase->profile, "delay") : PROFILE_NONE;
    struct sites sites;
    if (delay == PROFILE_NONE)
        return 0;
    int error = sites_build(phase->profile, delay, PROFILE_NONE, &context->options->filter, &sites);
    if (error)
        return error;
    bool long_enough = (double)sites.value >= (double)phase->profile->duration_nanos * LOCK_TIME_LEAST;
    if (sites.n > 0 && long_enough && share(sites.rows[0].value, sites.value) >= LOCK_SHARE) {
        struct finding *finding = add(context, "lock");
        buffer_printf(&finding->text, "%s of all waiting for locks (%s) is for a lock held in ",
                      units_percent(sites.rows[0].value, sites.value).text,
                      units_value(sites.value, "nanoseconds").text);
        text_add_safe(&finding->text, sites.rows[0].function);
        add_place(&finding->text, sites.rows[0].file, sites.rows[0].line);
        set_command(context, finding, phase->name, "--peek", sites.rows[0].function);
    }
    sites_done(&sites);
    return 0;
}

static void add_per_request(struct buffer *text, const struct site *site, uint64_t requests) {
    if (requests > 0)
        buffer_printf(text, ": %s and %s objects a request",
                      units_mean((double)site->value / (double)requests, "bytes").text,
                      units_mean((double)site->count / (double)requests, "count").text);
    else
        buffer_printf(text, ": %s", units_value(site->value, "bytes").text);
}

static int find_allocations(struct context *context) {
    const struct report_phase *phase = find_phase(context, "allocs");
    uint32_t space = phase ? profile_find_sample_type(phase->profile, "alloc_space") : PROFILE_NONE;
    struct sites sites;
    if (space == PROFILE_NONE)
        return 0;
    int error = sites_build(phase->profile, space, profile_find_sample_type(phase->profile, "alloc_objects"),
                            &context->options->filter, &sites);
    if (error)
        return error;
    if (sites.n > 0 && share(sites.rows[0].value, sites.value) >= ALLOC_SHARE) {
        struct finding *finding = add(context, "alloc");
        text_add_safe(&finding->text, sites.rows[0].function);
        add_place(&finding->text, sites.rows[0].file, sites.rows[0].line);
        buffer_printf(&finding->text, " allocates %s of the bytes",
                      units_percent(sites.rows[0].value, sites.value).text);
        add_per_request(&finding->text, &sites.rows[0], phase->requests);
        set_command(context, finding, phase->name, "--sample-index alloc_space --lines --focus",
                    sites.rows[0].function);
    }
    sites_done(&sites);
    return 0;
}

/* The function that calls it most, and how much passes there: "called from". */
static int add_caller(struct context *context, const struct profile *profile, uint32_t type, const char *function,
                      struct buffer *text) {
    struct stacks stacks;
    struct edges edges = {0};
    const struct edge *most = NULL;
    int error = stacks_make(profile, &context->options->filter, &stacks);
    if (error)
        return error;
    _cleanup_free_ bool *wanted = calloc((size_t)stacks.frames.n_functions + 1, sizeof(*wanted));
    for (uint32_t i = 0; i < stacks.frames.n_lines && wanted; i++)
        if (strcmp(stacks.frames.lines[i].name, function) == 0)
            wanted[stacks.frames.lines[i].function] = true;
    error = wanted ? edges_make(&stacks, type, wanted, &edges) : -ENOMEM;
    for (size_t i = 0; i < edges.n; i++)
        if (wanted[edges.items[i].callee] && (!most || edges.items[i].value > most->value))
            most = &edges.items[i];
    for (uint32_t i = 0; i < stacks.frames.n_lines && most; i++) {
        if (stacks.frames.lines[i].function != most->caller)
            continue;
        buffer_add_string(text, ", called most from ");
        text_add_safe(text, stacks.frames.lines[i].name);
        most = NULL;
    }
    edges_done(&edges);
    stacks_done(&stacks);
    return error;
}

static int find_cpu(struct context *context) {
    const struct report_phase *phase = find_phase(context, "cpu");
    uint32_t type = phase ? profile_find_sample_type(phase->profile, "cpu") : PROFILE_NONE;
    struct table table;
    if (type == PROFILE_NONE)
        return 0;
    int error = table_build(phase->profile, type, TABLE_BY_FUNCTION, &context->options->filter, &table);
    if (error)
        return error;
    if (table.n_rows > 0 && share(table.rows[0].flat, table.total) >= CPU_SHARE) {
        const struct table_row *row = &table.rows[0];
        struct finding *finding = add(context, "cpu");
        buffer_printf(&finding->text, "%s of the CPU time is in ", units_percent(row->flat, table.total).text);
        text_add_safe(&finding->text, row->function);
        add_place(&finding->text, row->file, row->line);
        error = add_caller(context, phase->profile, type, row->function, &finding->text);
        set_command(context, finding, phase->name, "--peek", row->function);
    }
    table_done(&table);
    return error;
}

static void find_thread_growth(struct context *context) {
    const struct load_figures *load = context->run->load;
    uint64_t first = 0, last = 0;
    const char *phase = "";
    for (size_t i = 0; load && i < load->n_phases; i++) {
        uint64_t threads = load->phases[i].threads;
        first = first ? first : threads;
        last = threads ? threads : last;
        phase = threads ? load->phases[i].name : phase;
    }
    if (last <= THREADS_FACTOR * first || last - first < THREADS_LEAST)
        return;
    struct finding *finding = add(context, "threads");
    buffer_printf(&finding->text, "threads grew from %" PRIu64 " to %" PRIu64 " over the phases: is there a leak?",
                  first, last);
    const char *folder = context->run->folder ? context->run->folder : ".";
    buffer_add_string(&finding->command, "less ");
    _cleanup_buffer_ struct buffer path = BUFFER_INIT(0);
    buffer_printf(&path, "%s/%s.goroutines.txt", folder, phase);
    findings_add_quoted(&finding->command, path.data ? path.data : "");
}

static void find_failures(struct context *context) {
    const struct load_stats *stats = context->run->baseline;
    uint64_t failed = stats ? load_stats_failures(stats) : 0;
    if (failed == 0 || (double)failed < (double)(stats->requests + failed) * FAILED_SHARE)
        return;
    struct finding *finding = add(context, "load");
    buffer_printf(&finding->text, "%s of the requests failed",
                  units_percent((int64_t)failed, (int64_t)(stats->requests + failed)).text);
    const char *separator = ": ";
    for (int i = 0; i < LOAD_FAILURES; i++) {
        if (stats->failures[i] == 0)
            continue;
        buffer_printf(&finding->text, "%s%s %" PRIu64, separator, load_failure_name((enum load_failure)i),
                      stats->failures[i]);
        separator = ", ";
    }
}

/* Our own profiles say in a comment what did not fit: "lost: cpu=0 heap=12". */
static void find_lost(struct context *context) {
    static const char head[] = "lost: ";
    for (size_t i = 0; i < context->run->n_phases; i++) {
        const struct profile *profile = context->run->phases[i].profile;
        for (uint32_t j = 0; profile && j < profile->n_comments; j++) {
            const char *comment = profile->comments[j];
            if (strncmp(comment, head, strlen(head)) != 0 || comment[strcspn(comment, "123456789")] == '\0')
                continue;
            struct finding *finding = add(context, "lost");
            buffer_add_string(&finding->text, "the profiler ran out of room, and figures are too low (");
            text_add_safe(&finding->text, comment);
            buffer_add_string(&finding->text, ")");
            return;
        }
    }
}

/* A sentence that is not told yet. */
static void add_build(struct context *context, const char *sentence) {
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(0);
    text_add_safe(&text, sentence);
    unsigned told = 0;
    for (size_t i = 0; i < context->findings->n; i++) {
        const struct finding *finding = &context->findings->items[i];
        if (strcmp(finding->kind, "build") != 0)
            continue;
        told++;
        if (text.data && finding->text.data && strcmp(finding->text.data, text.data) == 0)
            return;
    }
    if (told < BUILDS_TOLD_MAX && text.data)
        buffer_add(&add(context, "build")->text, text.data, text.size);
}

/* The target itself says it in comments, whatever the CPU time: "build: FILE was built with -O0: …". */
static void find_builds(struct context *context) {
    static const char head[] = "build: ";
    for (size_t i = 0; i < context->run->n_phases; i++) {
        const struct profile *profile = context->run->phases[i].profile;
        for (uint32_t j = 0; profile && j < profile->n_comments; j++)
            if (strncmp(profile->comments[j], head, strlen(head)) == 0)
                add_build(context, profile->comments[j] + strlen(head));
    }
}

static int find_objects(struct context *context) {
    const struct report_phase *phase = find_phase(context, "cpu");
    struct object_shares shares;
    if (!phase || profile_find_sample_type(phase->profile, "cpu") == PROFILE_NONE)
        return 0;
    int error = object_shares_make(phase->profile, profile_find_sample_type(phase->profile, "cpu"), &shares);
    if (error)
        return error;
    for (size_t i = 0; i < context->run->n_objects; i++) {
        const struct report_object *object = &context->run->objects[i];
        struct object_share of = object_share(&shares, phase->profile, object->file);
        if (object->built && share(of.flat, shares.total) >= BUILD_SHARE)
            add_build(context, object->built);
        if (share(of.unnamed, shares.total) >= UNNAMED_SHARE) {
            struct finding *finding = add(context, "symbols");
            buffer_printf(&finding->text,
                          "%s of the CPU time is in functions without a name: the symbols are missing of ",
                          units_percent(of.unnamed, shares.total).text);
            text_add_safe(&finding->text, object->file);
            if (object->debug_package)
                buffer_printf(&finding->command, "apt install %s", object->debug_package);
        }
    }
    object_shares_done(&shares);
    return 0;
}

int findings_make(const struct report_run *run, const struct report_options *options, struct findings *ret) {
    struct context context = {.run = run, .options = options, .findings = ret};
    *ret = (struct findings){0};
    find_failures(&context);
    int error = find_locks(&context);
    if (!error)
        error = find_allocations(&context);
    if (!error)
        error = find_cpu(&context);
    find_builds(&context);
    if (!error)
        error = find_objects(&context);
    find_thread_growth(&context);
    find_lost(&context);
    for (size_t i = 0; i < ret->n && !error; i++)
        error = ret->items[i].text.error ? ret->items[i].text.error : ret->items[i].command.error;
    return error;
}

void findings_done(struct findings *findings) {
    for (size_t i = 0; i < findings->n; i++) {
        buffer_done(&findings->items[i].text);
        buffer_done(&findings->items[i].command);
    }
    findings->n = 0;
}
