/* report.html: one file that needs nothing else. All data are JSON in it, which the page's script turns into text nodes:
 * nothing of a profile is ever markup. */
#include <errno.h>
#include <stdlib.h>

#include "report/findings.h"
#include "report/html_graph.h"
#include "report/html_page.h"
#include "report/json_parts.h"

static int add_findings(struct json_writer *json, const struct report_run *run, const struct report_options *options) {
    struct findings findings;
    int error = findings_make(run, options, &findings);
    json_write_open(json, "findings", '[');
    for (size_t i = 0; i < findings.n; i++) {
        const struct finding *finding = &findings.items[i];
        json_write_open(json, NULL, '{');
        json_write_string(json, "kind", finding->kind);
        json_write_string(json, "text", finding->text.data ? finding->text.data : "");
        json_write_string(json, "command", finding->command.data ? finding->command.data : "");
        json_write_close(json, '{');
    }
    json_write_close(json, '[');
    findings_done(&findings);
    return error;
}

static void add_latency(struct json_writer *json, const struct report_run *run) {
    uint32_t slot = 0;
    uint64_t highest_ns, count;
    json_write_open(json, "latency", '[');
    while (run->baseline && histogram_next(run->baseline->latency, &slot, &highest_ns, &count)) {
        json_write_open(json, NULL, '[');
        json_write_integer(json, NULL, (int64_t)highest_ns);
        json_write_integer(json, NULL, (int64_t)count);
        json_write_close(json, '[');
    }
    json_write_close(json, '[');
}

static void add_moment(struct json_writer *json, const struct load_moment *moment) {
    const uint64_t values[] = {moment->start_ns, moment->length_ns, moment->requests,
                               moment->failures, moment->p50_ns,    moment->p99_ns};
    json_write_open(json, NULL, '[');
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        json_write_integer(json, NULL, (int64_t)values[i]);
    json_write_close(json, '[');
}

static void add_phases(struct json_writer *json, const struct load_figures *load) {
    json_write_open(json, "phases", '[');
    for (size_t i = 0; load && i < load->n_phases; i++) {
        const struct load_phase *phase = &load->phases[i];
        json_write_open(json, NULL, '{');
        json_write_string(json, "name", phase->name);
        json_write_integer(json, "start_ns", (int64_t)phase->start_ns);
        json_write_integer(json, "threads", (int64_t)phase->threads);
        json_write_open(json, "moments", '[');
        for (size_t j = 0; j < phase->n_moments; j++)
            if (phase->moments[j].length_ns > 0)
                add_moment(json, &phase->moments[j]);
        json_write_close(json, '[');
        json_write_close(json, '{');
    }
    json_write_close(json, '[');
}

static int add_profile(struct json_writer *json, const struct report_phase *phase,
                       const struct report_options *options) {
    int error = 0;
    json_write_open(json, NULL, '{');
    json_write_string(json, "name", phase->name);
    if (!phase->profile || phase->profile->n_sample_types == 0) {
        json_write_string(json, "missing", phase->missing ? phase->missing : "the run ended before it");
    } else {
        json_write_open(json, "tables", '[');
        error = json_add_tables(json, phase, options);
        json_write_close(json, '[');
        if (!error)
            error = html_add_graph(json, phase, options);
    }
    json_write_close(json, '{');
    return error;
}

int report_html(const struct report_run *run, const struct report_options *options, struct buffer *ret) {
    struct json_writer json = {.out = ret};
    buffer_add_string(ret, html_page_head);
    json_write_open(&json, NULL, '{');
    json_add_run(&json, run);
    int error = add_findings(&json, run, options);
    add_latency(&json, run);
    add_phases(&json, run->load);
    json_write_open(&json, "profiles", '[');
    for (size_t i = 0; i < run->n_phases && !error; i++)
        error = add_profile(&json, &run->phases[i], options);
    json_write_close(&json, '[');
    if (!error)
        error = json_add_locks(&json, run, options);
    json_write_close(&json, '{');
    buffer_add_string(ret, html_page_tail);
    return error ? error : ret->error;
}
