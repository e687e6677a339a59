/* A program to be compiled with and without optimisation. */
int main(int argc, char **argv) {
    return argc + argv[0][0];
}
