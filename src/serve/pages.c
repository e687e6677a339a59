#include "serve/pages.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#include "base/clock.h"
#include "serve/pprof.h"

static const char index_head[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n<title>" PAGES_PPROF_PATH "/</title>\n<style>\n"
    "body { font: 15px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; color: #222; "
    "}\n"
    "h1 { font-size: 1.3rem; }\n"
    "table { border-collapse: collapse; margin: 1rem 0; }\n"
    "td { padding: .15rem 1.5rem .15rem 0; }\n"
    "td:first-child { text-align: right; font-variant-numeric: tabular-nums; }\n"
    "thead td { border-bottom: 1px solid #bbb; font-weight: 600; }\n"
    "a { color: #0b57b0; }\n"
    ".profile-name { display: inline-block; min-width: 7rem; font-weight: 600; }\n"
    "@media (prefers-color-scheme: dark) { body { background: #181818; color: #ddd; } a { color: #8ab4f8; } }\n"
    "</style>\n</head>\n<body>\n<h1>" PAGES_PPROF_PATH "/</h1>\n";

static void add_escaped(struct buffer *out, const char *text) {
    for (; *text; text++) {
        if (*text == '&')
            buffer_add_string(out, "&amp;");
        else if (*text == '<')
            buffer_add_string(out, "&lt;");
        else
            buffer_add(out, text, 1);
    }
}

static void process_row(const struct tree_process *process, void *data) {
    struct buffer *out = data;
    buffer_printf(out, "<tr><td><a href='goroutine?debug=2&amp;pid=%" PRIu32 "'>%" PRIu32 "</a></td><td>", process->pid,
                  process->pid);
    add_escaped(out, process->name);
    buffer_add_string(out, "</td><td>");
    add_escaped(out, process->command);
    buffer_printf(out, "</td><td>%s</td><td>%" PRIu64 " threads</td><td>since %" PRIu64 " s</td></tr>\n",
                  tree_state_name(process->state), process->threads, (uint64_t)(process->age_ns / NS_PER_S));
}

static void add_processes_table(struct tree *tree, struct buffer *out) {
    struct buffer rows = BUFFER_INIT(0);
    if (!tree_list(tree, process_row, &rows) && rows.size)
        buffer_printf(out, "<table>\n%s</table>\n", rows.data);
    buffer_done(&rows);
}

void pages_index(struct request *request) {
    struct answer *answer = &request->answer;
    struct buffer *out = &answer->body;
    struct reader_figures figures = {0};
    tree_figures(request->tree, /* pid= */ 0, &figures);
    answer->status = MHD_HTTP_OK;
    answer->content_type = ANSWER_HTML;
    buffer_add_string(out, index_head);
    buffer_printf(out, "<p>Profiles of process %" PRIu32 ", which has %" PRIu64 " threads.</p>\n", figures.pid,
                  figures.threads);
    add_processes_table(request->tree, out);
    buffer_add_string(out, "<p>Set debug=1 as a query parameter to export in legacy text format</p>\n"
                           "<table>\n<thead><tr><td>Count</td><td>Profile</td></tr></thead>\n");
    for (unsigned i = 0; i < pprof_n_entries; i++) {
        const struct pprof_entry *entry = &pprof_entries[i];
        buffer_printf(out, "<tr><td>%" PRIu64 "</td><td><a href='%s?debug=1'>%s</a></td></tr>\n",
                      entry->kind < 0 ? 0 : figures.profile_counts[entry->kind], entry->name, entry->name);
    }
    buffer_add_string(out, "</table>\n<p><a href=\"goroutine?debug=2\">full goroutine stack dump</a></p>\n"
                           "<p>Profile Descriptions:</p>\n<ul>\n");
    for (unsigned i = 0; i < pprof_n_entries; i++)
        buffer_printf(out, "<li><span class=\"profile-name\">%s:</span> %s</li>\n", pprof_entries[i].name,
                      pprof_entries[i].description);
    buffer_add_string(out, "</ul>\n</body>\n</html>\n");
}

static void add_process(const struct tree_process *process, void *data) {
    json_array_append_new(data, json_pack("{s:I, s:I, s:s, s:s, s:s, s:I, s:I}", "pid", (json_int_t)process->pid,
                                          "parent", (json_int_t)process->parent, "name", process->name, "command",
                                          process->command, "state", tree_state_name(process->state), "age_ns",
                                          (json_int_t)process->age_ns, "threads", (json_int_t)process->threads));
}

/* Only where there is more than the one that answers. */
static void add_processes(struct tree *tree, json_t *object) {
    json_t *list = json_array();
    if (list && !tree_list(tree, add_process, list) && json_array_size(list))
        json_object_set(object, "processes", list);
    json_decref(list);
}

/* A duration as Go writes it: "15s", "1m30s", "250ms". */
static void write_duration(uint64_t ns, char *ret, size_t size) {
    uint64_t seconds = ns / NS_PER_S, minutes = seconds / 60, hours = minutes / 60;
    char least[40];
    if (ns < NS_PER_US)
        snprintf(ret, size, "%" PRIu64 "ns", ns);
    else if (ns < NS_PER_MS)
        snprintf(ret, size, "%.10gµs", (double)ns / (double)NS_PER_US);
    else if (ns < NS_PER_S)
        snprintf(ret, size, "%.10gms", (double)ns / (double)NS_PER_MS);
    else {
        snprintf(least, sizeof(least), "%.11gs", (double)(seconds % 60) + (double)(ns % NS_PER_S) / (double)NS_PER_S);
        if (hours)
            snprintf(ret, size, "%" PRIu64 "h%" PRIu64 "m%s", hours, minutes % 60, least);
        else if (minutes)
            snprintf(ret, size, "%" PRIu64 "m%s", minutes, least);
        else
            snprintf(ret, size, "%s", least);
    }
}

/* As the Go Piko's, with what there is at present behind it. */
static json_t *rolling_trace_object(const struct reader_figures *figures) {
    char min_age[64], length[64];
    if (!figures->trace_min_age_ns)
        return json_pack("{s:s, s:i, s:b}", "min_age", "", "max_bytes", 0, "enabled", 0);
    write_duration(figures->trace_min_age_ns, min_age, sizeof(min_age));
    write_duration(figures->trace_length_ns / NS_PER_MS * NS_PER_MS, length, sizeof(length));
    return json_pack("{s:s, s:s, s:I, s:b, s:s, s:I}", "min_age", min_age, "download_path", PAGES_RECENT_PATH,
                     "max_bytes", (json_int_t)figures->trace_bytes_max, "enabled", 1, "length", length, "bytes",
                     (json_int_t)figures->trace_bytes);
}

/* The first three keys are those of the Go Piko, in its order, for clients that compare. */
static json_t *status_object(const struct reader_figures *figures) {
    return json_pack(
        "{s:s, s:s, s:o, s:I, s:I, s:I, s:{s:I, s:s}, s:{s:I, s:I, s:I, s:I}, s:{s:I, s:I, s:I, s:I, s:I, s:I, s:I}}",
        "pprof_base_path", PAGES_PPROF_PATH, "status_path", PAGES_STATUS_PATH,    //
        "rolling_trace", rolling_trace_object(figures),                           //
        "pid", (json_int_t)figures->pid,                                          //
        "threads", (json_int_t)figures->threads,                                  //
        "cpu_captures", (json_int_t)figures->cpu_users,                           //
        "trace", "captures", (json_int_t)figures->trace_users, "rows", "threads", //
        "rates",                                                                  //
        "mem_profile_rate_bytes", (json_int_t)figures->mem_profile_rate_bytes,    //
        "block_rate_ns", (json_int_t)figures->block_rate_ns,                      //
        "mutex_fraction", (json_int_t)figures->mutex_fraction,                    //
        "cpu_period_ns", (json_int_t)figures->cpu_period_ns,                      //
        "capture",                                                                //
        "samples", (json_int_t)figures->samples,                                  //
        "lost_samples", (json_int_t)figures->lost_samples,                        //
        "truncated_stacks", (json_int_t)figures->truncated_stacks,                //
        "handler_ns", (json_int_t)figures->handler_ns,                            //
        "hook_samples", (json_int_t)figures->hook_samples,                        //
        "hook_ns", (json_int_t)figures->hook_ns,                                  //
        "segment_bytes_used", (json_int_t)figures->segment_bytes_used);
}

static void add_build(const char *sentence, void *data) {
    json_array_append_new(data, json_string(sentence));
}

static void add_builds(struct tree *tree, json_t *object) {
    json_t *list = json_array();
    if (list)
        tree_list_builds(tree, add_build, list);
    json_object_set_new(object, "build_warnings", list);
}

void pages_status(struct request *request) {
    struct answer *answer = &request->answer;
    struct reader_figures figures = {0};
    tree_figures(request->tree, /* pid= */ 0, &figures);
    json_t *object = status_object(&figures);
    if (object) {
        add_builds(request->tree, object);
        add_processes(request->tree, object);
    }
    char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    if (!text) {
        answer_failure(answer, "could not write the status", -ENOMEM);
        return;
    }
    answer->status = MHD_HTTP_OK;
    answer->content_type = ANSWER_JSON;
    answer->no_store = true;
    buffer_add_string(&answer->body, text);
    free(text);
}
