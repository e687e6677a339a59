/* A small web site that profiles itself: something real to try `piko profile` on. */
#include <errno.h>
#include <getopt.h>
#include <piko/piko.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "generate.h"
#include "pages.h"
#include "server.h"
#include "site.h"

struct options {
    int port, profiling_port;
    bool generate;
    struct generate_options pages; /* threads and content serve the server as well */
    const char *profiles_folder;
};

static void print_help(FILE *to) {
    fputs("Usage: site [options]\n"
          "       site generate [options]\n"
          "Serve a small web site on localhost, and its profiles beside it; or write the site to files, and its\n"
          "profiles with them.\n"
          "\n"
          "To serve:\n"
          "  --port N             port of the site (8080)\n"
          "  --profiling-port N   port of the profiles (6060); 0 = no profiling\n"
          "To generate:\n"
          "  --output FOLDER      where the pages go (public)\n"
          "  --profiles FOLDER    where the profiles go (profiles); none = no profiling\n"
          "  --editions N         editions of the front page (2048)\n"
          "Both:\n"
          "  --threads N          threads that do it (4)\n"
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
        {"port", required_argument, NULL, 'p'},
        {"profiling-port", required_argument, NULL, 'P'},
        {"threads", required_argument, NULL, 't'},
        {"content", required_argument, NULL, 'c'},
        {"output", required_argument, NULL, 'o'},
        {"profiles", required_argument, NULL, 'f'},
        {"editions", required_argument, NULL, 'e'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    struct options options = {
        .port = 8080,
        .profiling_port = 6060,
        .pages = {.threads = 4, .content_folder = SITE_CONTENT, .output_folder = "public", .editions = 2048},
        .profiles_folder = "profiles"};
    int flag;
    options.generate = argc > 1 && strcmp(argv[1], "generate") == 0;
    optind = options.generate ? 2 : 1;
    while ((flag = getopt_long(argc, argv, "", flags, NULL)) != -1) {
        switch (flag) {
        case 'p':
            options.port = number("port", optarg, 1, 65535);
            break;
        case 'P':
            options.profiling_port = number("profiling-port", optarg, 0, 65535);
            break;
        case 't':
            options.pages.threads = (unsigned)number("threads", optarg, 2, 256);
            break;
        case 'c':
            options.pages.content_folder = optarg;
            break;
        case 'o':
            options.pages.output_folder = optarg;
            break;
        case 'f':
            options.profiles_folder = optarg;
            break;
        case 'e':
            options.pages.editions = (unsigned)number("editions", optarg, 1, PAGES_EDITIONS);
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
    if (!site_open(options->pages.content_folder, &site, &missing)) {
        fprintf(stderr, "site: cannot read %s\n", missing.data);
        free(missing.data);
        return 1;
    }
    struct MHD_Daemon *server = server_start(&site, (unsigned short)options->port, options->pages.threads);
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

/* From here to the last page, into files. Without profiles the site is as good. */
static int generate_site(const struct options *options) {
    struct piko_generator_profiling *profiling = NULL;
    if (strcmp(options->profiles_folder, "none") != 0)
        piko_generator_profiling_start(
            &(struct piko_generator_profiling_options){.output_dir = options->profiles_folder}, &profiling);
    bool done = generate(&options->pages);
    piko_generator_profiling_stop(profiling);
    return done ? 0 : 1;
}

static int serve_site(const struct options *options) {
    /* Blocked before any thread is started, so that all of them inherit it and only sigwait() takes these. */
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);

    struct piko_profiling *profiling = NULL;
    if (options->profiling_port != 0 && start_profiling(options->profiling_port, &profiling) != 0)
        return 1;
    int status = serve_until(&signals, options);
    piko_profiling_stop(profiling);
    return status;
}

int main(int argc, char **argv) {
    struct options options = parse(argc, argv);
    return options.generate ? generate_site(&options) : serve_site(&options);
}
