/* A small web site that profiles itself: something real to try `piko profile` on. */
#include <errno.h>
#include <getopt.h>
#include <piko/piko.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server.h"
#include "site.h"

struct options {
    int port, profiling_port;
    unsigned threads;
    const char *content_folder;
};

static void print_help(FILE *to) {
    fputs("Usage: site [options]\n"
          "Serve a small web site on localhost, and its profiles beside it.\n"
          "\n"
          "  --port N             port of the site (8080)\n"
          "  --profiling-port N   port of the profiles (6060); 0 = no profiling\n"
          "  --threads N          threads that answer requests (4)\n"
          "  --content FOLDER     Markdown pages and template.html (" SITE_CONTENT ")\n"
          "  --help               this text\n",
          to);
}

/* A number in the given range, or the end of the program. */
static int number(const char *flag, const char *text, int from, int to) {
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (errno == 0 && end != text && *end == '\0' && value >= from && value <= to)
        return (int)value;
    fprintf(stderr, "site: --%s wants a number from %d to %d, not \"%s\"\n", flag, from, to, text);
    exit(2);
}

static struct options parse(int argc, char **argv) {
    static const struct option flags[] = {
        {"port", required_argument, NULL, 'p'},    {"profiling-port", required_argument, NULL, 'P'},
        {"threads", required_argument, NULL, 't'}, {"content", required_argument, NULL, 'c'},
        {"help", no_argument, NULL, 'h'},          {0},
    };
    struct options options = {.port = 8080, .profiling_port = 6060, .threads = 4, .content_folder = SITE_CONTENT};
    int flag;
    while ((flag = getopt_long(argc, argv, "", flags, NULL)) != -1) {
        switch (flag) {
        case 'p':
            options.port = number("port", optarg, 1, 65535);
            break;
        case 'P':
            options.profiling_port = number("profiling-port", optarg, 0, 65535);
            break;
        case 't':
            options.threads = (unsigned)number("threads", optarg, 2, 256);
            break;
        case 'c':
            options.content_folder = optarg;
            break;
        case 'h':
            print_help(stdout);
            exit(0);
        default:
            print_help(stderr);
            exit(2);
        }
    }
    if (optind < argc) {
        fprintf(stderr, "site: what is \"%s\"?\n", argv[optind]);
        exit(2);
    }
    return options;
}

/* All it takes. Zeroed options mean their defaults; what goes wrong is said on standard error. */
static int start_profiling(int port, struct piko_profiling **ret) {
    return piko_profiling_start(&(struct piko_profiling_options){.port = port, .rolling_trace = 1}, ret);
}

static int serve_until(const sigset_t *signals, const struct options *options) {
    struct site site;
    struct text missing = {0};
    if (!site_open(options->content_folder, &site, &missing)) {
        fprintf(stderr, "site: cannot read %s\n", missing.data);
        free(missing.data);
        return 1;
    }
    struct MHD_Daemon *server = server_start(&site, (unsigned short)options->port, options->threads);
    if (server) {
        printf("site: http://localhost:%d/\n", options->port);
        fflush(stdout);
        int signal;
        sigwait(signals, &signal);
        server_stop(server);
    } else {
        fprintf(stderr, "site: cannot serve on port %d: %s\n", options->port, strerror(errno));
    }
    site_close(&site);
    return server ? 0 : 1;
}

int main(int argc, char **argv) {
    struct options options = parse(argc, argv);

    /* Blocked before any thread is started, so that all of them inherit it and only sigwait() takes these. */
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);

    struct piko_profiling *profiling = NULL;
    if (options.profiling_port != 0 && start_profiling(options.profiling_port, &profiling) != 0)
        return 1;
    int status = serve_until(&signals, &options);
    piko_profiling_stop(profiling);
    return status;
}
